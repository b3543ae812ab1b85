// Stems, typos and folded text that knows where it came from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <random>
#include <thread>

#include "services/api/search/text/stem.h"
#include "services/api/search/text/text_fold.h"
#include "services/api/search/text/text_spans.h"
#include "services/api/search/text/typo.h"

namespace stockroom::api {
namespace {

using ::testing::Contains;

// The textbook's table, without bounds.
int SlowDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      const int replaced = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

TEST(TypoDistance, CountsWrongMissingSuperfluousAndSwappedLetters) {
  EXPECT_EQ(TypoDistance("fox", "fox", 2), 0);
  EXPECT_EQ(TypoDistance("mountain", "mountian", 2), 1);
  EXPECT_EQ(TypoDistance("mountain", "montain", 2), 1);
  EXPECT_EQ(TypoDistance("mountain", "mounttain", 2), 1);
  EXPECT_EQ(TypoDistance("mountain", "muontian", 2), 2);
  EXPECT_EQ(TypoDistance("mountain", "fountian", 1), 2);
  EXPECT_EQ(TypoDistance("", "ab", 2), 2);
  EXPECT_EQ(TypoDistance("fox", "snow", 2), 3);
  EXPECT_EQ(TypoDistance("fox", "fix", 0), 1);
  // No letter is edited twice: swapped, and then something between them, is two edits more.
  EXPECT_EQ(TypoDistance("ca", "abc", 2), 3);
}

TEST(TypoDistance, CountsLettersOfAnyScriptOnce) {
  EXPECT_EQ(TypoDistance("лиса", "лисы", 2), 1);
  EXPECT_EQ(TypoDistance("лиса", "илса", 2), 1);
  EXPECT_EQ(TypoDistance("富士", "富", 2), 1);
  EXPECT_EQ(TypoDistance("🦊", "🐺", 2), 1);
  EXPECT_EQ(TypoDistance("a\xff", "a\xfe", 2), 1);
  EXPECT_EQ(TypoDistance("a\xe4", "a", 2), 1);
}

TEST(TypoDistance, AgreesWithTheTextbook) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string a;
    for (size_t i = random() % (round % 100 == 0 ? 100 : 9); i > 0; --i) a += "abc"[random() % 3];
    std::string b = a;
    for (size_t i = random() % 4; i > 0; --i) {
      const size_t at = random() % (b.size() + 1);
      if (random() % 2 == 0) {
        b.insert(at, 1, "abc"[random() % 3]);
      } else if (at < b.size()) {
        b.erase(at, 1);
      }
    }
    const int distance = SlowDistance(a, b);
    for (int most = 0; most <= 2; ++most) {
      ASSERT_EQ(TypoDistance(a, b, most), std::min(distance, most + 1)) << a << " " << b;
    }
  }
}

TEST(Stem, FindsTheFormsOfAWord) {
  EXPECT_EQ(Stem("english", "foxes"), "fox");
  EXPECT_EQ(Stem("german", "katzen"), Stem("german", "katze"));
  EXPECT_EQ(Stem("klingon", "foxes"), "foxes");
  EXPECT_EQ(Stem("english", ""), "");
  EXPECT_EQ(Stem("english", std::string(1000, 'a') + "s"), std::string(1000, 'a') + "s");
  EXPECT_TRUE(IsFormOf("english", "happiness", "happy"));
  EXPECT_TRUE(IsFormOf("english", "happy", "happiness"));
  EXPECT_TRUE(IsFormOf("english", "ponies", "pony"));
  EXPECT_TRUE(IsFormOf("english", "skies", "sky"));
  EXPECT_TRUE(IsFormOf("russian", "лисы", "лиса"));
  EXPECT_FALSE(IsFormOf("english", "foxes", "snow"));
}

TEST(Stem, KnowsItsLanguages) {
  EXPECT_THAT(StemmingLanguages(), Contains("english"));
  EXPECT_THAT(StemmingLanguages(), Contains("german"));
  EXPECT_TRUE(std::is_sorted(StemmingLanguages().begin(), StemmingLanguages().end()));
  EXPECT_TRUE(IsStemmingLanguage("swedish"));
  EXPECT_FALSE(IsStemmingLanguage(""));
  EXPECT_FALSE(IsStemmingLanguage("en"));
}

TEST(Stem, GivesAPrefixThatTheWordItselfHas) {
  for (const std::string& language : StemmingLanguages()) {
    for (const std::string word :
         {"foxes", "a", "", "häuser", "лисы", "富士", "kucing", "الكتاب"}) {
      const std::string prefix = StemPrefix(language, FoldText(word));
      EXPECT_TRUE(FoldText(word).starts_with(prefix)) << language << " " << word;
      EXPECT_EQ(prefix.empty(), word.empty()) << language << " " << word;
      EXPECT_TRUE(IsFormOf(language, FoldText(word), FoldText(word)));
    }
  }
}

TEST(Stem, ServesThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int k = 0; k < 500; ++k) {
        EXPECT_EQ(Stem("english", "foxes"), "fox");
        EXPECT_EQ(Stem("french", "chats"), "chat");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::string RandomText(std::mt19937& random) {
  static const std::string kPieces[] = {
      "a",      "B",      "é",      "e\xcc\x81", "ﬁ",  "Å",  "ß",      "İ",    "\u0345",
      " ",      "\u3000", "か",     "\u3099",    "が", "한", "\u1112", "🦊", "\xff",
      "-",      "\"",     "\uff02", "\ufdfa",    "ǅ",  "ŉ",  "\u0301", "क",    "ि",
      "\u00ad", "ｶ",      "ﾞ",      "²",         "Ω",  "̈",   "\u1fb3", "ς"};
  std::string text;
  for (size_t i = random() % 12; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
  return text;
}

// Of all of the text at once, without what FoldText does to single letters.
std::string NormalizedAtOnce(const std::string& text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::UnicodeString whole = fold->normalize(icu::UnicodeString::fromUTF8(text), error);
  EXPECT_TRUE(U_SUCCESS(error));
  std::string utf8;
  return whole.toUTF8String(utf8);
}

TEST(FoldText, FoldsPiecesAsItFoldsTheWhole) {
  std::mt19937 random(4);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = RandomText(random);
    // Composed already, so that nothing is left to be torn apart.
    ASSERT_EQ(FoldText(text), FoldText(NormalizedAtOnce(text))) << text;
  }
  EXPECT_EQ(FoldText("A\u030Angstro\u0308m"), FoldText("\u00C5ngstr\u00F6m"));
}

TEST(FoldTextWithSpans, FoldsAsFoldTextDoes) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = RandomText(random);
    const FoldedText folded = FoldTextWithSpans(text);
    ASSERT_EQ(folded.folded, FoldText(text)) << text;
    ASSERT_EQ(folded.begins.size(), folded.folded.size());
    ASSERT_EQ(FoldLineWithSpans(text).folded, FoldLine(text)) << text;
    std::vector<std::string> words;
    uint32_t last = 0;
    for (const SpannedWord& word : WordsWithSpans(folded)) {
      ASSERT_LE(last, word.begin);
      ASSERT_LT(word.begin, word.end);
      ASSERT_LE(word.end, text.size());
      last = word.begin;
      words.push_back(word.word);
    }
    ASSERT_EQ(words, SplitWords(FoldText(text))) << text;
  }
}

TEST(FoldTextWithSpans, FoldsWhatIsFoldedToItself) {
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    const std::string line = FoldLine(RandomText(random));
    ASSERT_EQ(FoldLine(line), line);
    for (const std::string& word : SplitWords(line)) {
      ASSERT_THAT(SplitWords(FoldText(word)), ::testing::ElementsAre(word));
    }
  }
}

TEST(WordsWithSpans, NamesTheBytesOfTheOriginal) {
  const std::string text = "Die Ｆüchse, ﬁn";
  std::vector<std::string> pieces;
  for (const SpannedWord& word : WordsWithSpans(FoldTextWithSpans(text))) {
    pieces.push_back(word.word + "=" + text.substr(word.begin, word.end - word.begin));
  }
  EXPECT_THAT(pieces, ::testing::ElementsAre("die=Die", "fuchse=Ｆüchse", "fin=ﬁn"));
}

}  // namespace
}  // namespace stockroom::api
