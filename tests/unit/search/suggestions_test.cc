// Completions and corrections against a naive count, on random images.
#include "services/api/search/suggest/suggestions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "services/api/search/suggest/packed_counts.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Shown {
  Image image;
  std::vector<std::string> words;
  std::string camera;

  Suggestions::Entry Entry() const {
    std::string text;
    for (const std::string& word : words) text += " " + word;
    return Suggestions::EntryOf(image, "\x01" + text + " \x04 ", camera);
  }
};

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  const std::string& Pick(const std::vector<std::string>& from) {
    return from[Below(static_cast<int>(from.size()))];
  }
  // Few letters, so that many words are alike.
  std::string Word() {
    std::string word;
    for (int n = 1 + Below(7); n > 0; --n) word += Pick({"a", "b", "c", "é", "山"});
    return word;
  }

 private:
  std::mt19937_64 engine_;
};

Shown RandomShown(Dice& dice) {
  Shown shown;
  shown.image.owner = dice.Pick({"ann", "bob", "cy"});
  shown.image.state = ImageState::kReady;
  if (dice.Below(3) == 0) shown.image.described.visibility = Visibility::kPrivate;
  for (int n = dice.Below(6); n > 0; --n) shown.words.push_back(dice.Word());
  for (int n = dice.Below(4); n > 0; --n) {
    std::string tag = dice.Pick({"sea", "Sea", "SEA", "Sea Side", "sea  side", "ab", "a-b", ""});
    shown.image.described.tags.push_back(std::move(tag));
  }
  shown.camera = dice.Pick({"", "Canon EOS R5", "canon EOS R5", "Nikon D850"});
  return shown;
}

bool MayBeFound(const Shown& shown, const Viewer& viewer) {
  return viewer.sees_all || shown.image.owner == viewer.subject ||
         SeenAs(shown.image) == Visibility::kPublic;
}

// (text folded, place among equals) to count; and how often each is spelled how.
struct Naive {
  std::map<std::pair<std::string, int>, int64_t> counts;
  std::map<std::pair<std::string, int>, std::map<std::string, int64_t>> spellings;

  void Add(const Shown& shown) {
    std::set<std::string> words;
    for (const std::string& word : shown.words) words.insert(word);
    for (const std::string& word : words) ++counts[{word, 1}];
    std::set<std::string> lines;
    for (const std::string& tag : shown.image.described.tags) {
      const std::string line = FoldLine(tag);
      if (line.empty() || !lines.insert(line).second) continue;
      ++counts[{line, 0}];
      ++spellings[{line, 0}][tag];
    }
    if (shown.camera.empty()) return;
    ++counts[{FoldLine(shown.camera), 2}];
    ++spellings[{FoldLine(shown.camera), 2}][shown.camera];
  }
};

constexpr Suggestion::Kind kKinds[] = {Suggestion::Kind::kTag, Suggestion::Kind::kWord,
                                       Suggestion::Kind::kCamera};

void ExpectCompletes(const Suggestions& suggestions, const std::vector<Shown>& shown,
                     const Viewer& viewer, const std::string& prefix, size_t limit) {
  Naive naive;
  for (const Shown& one : shown) {
    if (MayBeFound(one, viewer)) naive.Add(one);
  }
  std::vector<std::pair<std::pair<std::string, int>, int64_t>> expected;
  for (const auto& [key, count] : naive.counts) {
    if (prefix.empty() && key.second != 0) continue;
    if (key.first.starts_with(prefix)) expected.emplace_back(key, count);
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const std::vector<Suggestion> got = suggestions.Complete(viewer, prefix, limit);
  ASSERT_EQ(got.size(), std::min(limit, expected.size())) << prefix;
  for (size_t i = 0; i < got.size(); ++i) {
    const auto& [key, count] = expected[i];
    ASSERT_EQ(got[i].count, count) << prefix << " " << i;
    ASSERT_EQ(got[i].kind, kKinds[key.second]) << prefix << " " << i;
    if (key.second == 1) {
      ASSERT_EQ(got[i].text, key.first);
    } else {
      ASSERT_EQ(FoldLine(got[i].text), key.first);
      for (const auto& [spelling, times] : naive.spellings[key]) {
        ASSERT_GE(naive.spellings[key][got[i].text], times) << got[i].text << ", not " << spelling;
      }
    }
  }
}

Viewer RandomViewer(Dice& dice) {
  const int who = dice.Below(5);
  return who == 4 ? Viewer{"mod", true} : Viewer{dice.Pick({"ann", "bob", "cy", "dan"}), false};
}

TEST(Suggestions, CountWhatANaiveCountCounts) {
  Dice dice(1);
  std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  std::vector<Shown> shown;
  for (int step = 0; step < 600; ++step) {
    std::vector<Suggestions::Entry> added;
    std::vector<Suggestions::Entry> removed;
    for (int n = dice.Below(12); n > 0; --n) {
      shown.push_back(RandomShown(dice));
      added.push_back(shown.back().Entry());
    }
    for (int n = dice.Below(step % 100 < 80 ? 11 : 20); n > 0 && !shown.empty(); --n) {
      const int which = dice.Below(static_cast<int>(shown.size()));
      removed.push_back(shown[which].Entry());
      shown.erase(shown.begin() + which);
    }
    suggestions->Apply(added, removed);
    const std::string prefix = dice.Pick({"", "a", "ab", "s", "sea", "sea s", "c", "é", "山", "x"});
    ExpectCompletes(*suggestions, shown, RandomViewer(dice), FoldLine(prefix), 1 + dice.Below(12));
    if (::testing::Test::HasFatalFailure()) return;
    if (step % 50 != 49) continue;
    std::unique_ptr<Suggestions> loaded = Suggestions::Create();
    ASSERT_TRUE(loaded->Load(suggestions->Save()).ok());
    suggestions = std::move(loaded);
  }
}

// Restricted Damerau-Levenshtein, of letters, by its definition.
int Distance(const std::u32string& a, const std::u32string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}
std::u32string Letters(const std::string& word) {
  std::u32string letters;
  for (size_t i = 0; i < word.size();) {
    const auto c = static_cast<unsigned char>(word[i]);
    const size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : 3;
    char32_t letter = 0;
    for (size_t k = 0; k < length; ++k) {
      letter = letter << 8 | static_cast<unsigned char>(word[i + k]);
    }
    letters += letter;
    i += length;
  }
  return letters;
}

TEST(Suggestions, CorrectToTheNearestMostFrequentWord) {
  Dice dice(2);
  int corrected = 0;
  for (int round = 0; round < 20; ++round) {
    const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
    std::vector<Shown> shown;
    for (int batch = 0; batch < 10; ++batch) {
      std::vector<Suggestions::Entry> added;
      for (int n = 0; n < 10; ++n) {
        shown.push_back(RandomShown(dice));
        added.push_back(shown.back().Entry());
      }
      suggestions->Apply(added, {});
    }
    for (int q = 0; q < 50; ++q) {
      const Viewer viewer = RandomViewer(dice);
      const std::string word = dice.Word();
      const int typos = 1 + dice.Below(2);
      Naive naive;
      for (const Shown& one : shown) {
        if (MayBeFound(one, viewer)) naive.Add(one);
      }
      std::tuple<int, int64_t, std::string> best{typos + 1, 0, ""};
      bool there = false;
      for (const auto& [key, count] : naive.counts) {
        if (key.second != 1) continue;
        there = there || key.first.starts_with(word);
        const std::u32string a = Letters(word);
        const std::u32string b = Letters(key.first);
        if (a[0] != b[0]) continue;
        best = std::min(best, {Distance(a, b), -count, key.first});
      }
      const std::optional<std::string> got = suggestions->Correct(viewer, word, typos);
      if (there || std::get<0>(best) > typos) {
        ASSERT_EQ(got, std::nullopt) << word;
      } else {
        ASSERT_EQ(got, std::get<2>(best)) << word;
        ++corrected;
      }
    }
  }
  EXPECT_GT(corrected, 50);
}

Shown Titled(std::vector<std::string> words) {
  Shown shown;
  shown.image.owner = "ann";
  shown.words = std::move(words);
  return shown;
}

TEST(Suggestions, AddUpInWhateverOrderTheyCome) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  const Suggestions::Entry fox = Titled({"fox"}).Entry();
  suggestions->Apply({}, {fox});
  EXPECT_THAT(suggestions->Complete({"bob"}, "f", 10), IsEmpty());
  suggestions->Apply({fox}, {});
  EXPECT_THAT(suggestions->Complete({"bob"}, "f", 10), IsEmpty());
  suggestions->Apply({fox}, {});
  EXPECT_THAT(suggestions->Complete({"bob"}, "f", 10),
              ElementsAre(Suggestion{"fox", Suggestion::Kind::kWord, 1}));
}

TEST(Suggestions, AreRidOfTheDead) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  suggestions->Apply({Titled({"fox"}).Entry()}, {});
  for (int batch = 0; batch < 12; ++batch) {
    std::vector<Suggestions::Entry> some;
    for (int i = 0; i < 500; ++i) {
      const int n = (batch * 500 + i) * 10;
      std::vector<std::string> words;
      for (int w = 0; w < 10; ++w) words.push_back("w" + std::to_string(n + w));
      some.push_back(Titled(std::move(words)).Entry());
    }
    suggestions->Apply(some, {});
    suggestions->Apply({}, some);
  }
  // 60,000 words came and went.
  EXPECT_LT(suggestions->terms(), 40'000u);
  EXPECT_THAT(suggestions->Complete({"bob"}, "w", 10), IsEmpty());
  EXPECT_EQ(suggestions->Complete({"bob"}, "f", 10).size(), 1u);
}

// More than are looked at one by one.
TEST(Suggestions, FindTheFrequentAmongThousandsOfOnesOwn) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  std::vector<Suggestions::Entry> added;
  const auto add = [&](std::vector<std::string> words, Visibility visibility, int times) {
    Shown shown = Titled(std::move(words));
    shown.image.described.visibility = visibility;
    for (int i = 0; i < times; ++i) added.push_back(shown.Entry());
  };
  for (int i = 0; i < 300; ++i) {
    std::vector<std::string> words;
    for (int w = 0; w < 10; ++w) words.push_back("a" + std::to_string(i * 10 + w));
    add(std::move(words), Visibility::kPrivate, 1);
  }
  add({"afox"}, Visibility::kPrivate, 5);
  add({"afox"}, Visibility::kPublic, 4);
  add({"abig"}, Visibility::kPublic, 8);
  suggestions->Apply(added, {});
  for (const Viewer& viewer : {Viewer{"ann"}, Viewer{"mod", true}}) {
    EXPECT_THAT(suggestions->Complete(viewer, "a", 2),
                ElementsAre(Suggestion{"afox", Suggestion::Kind::kWord, 9},
                            Suggestion{"abig", Suggestion::Kind::kWord, 8}));
  }
  EXPECT_THAT(suggestions->Complete({"bob"}, "a", 2),
              ElementsAre(Suggestion{"abig", Suggestion::Kind::kWord, 8},
                          Suggestion{"afox", Suggestion::Kind::kWord, 4}));
}

TEST(Suggestions, RefuseBytesThatWereNotSaved) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  suggestions->Apply({Titled({"fox", "snow"}).Entry()}, {});
  const std::string saved = suggestions->Save();
  for (size_t length = 0; length < saved.size(); ++length) {
    EXPECT_FALSE(suggestions->Load(saved.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(suggestions->Load("x" + saved).ok());
  EXPECT_EQ(suggestions->Complete({"bob"}, "f", 10).size(), 1u);
}

// Each batch takes out what the one before put in: readers see exactly one of them.
TEST(Suggestions, ShowEachBatchWhollyOrNotAtAll) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  const auto generation = [](int g) {
    std::vector<Suggestions::Entry> entries;
    for (int i = 0; i < 20; ++i) {
      Shown shown = Titled({"g" + std::to_string(g % 7), "gg"});
      if (i % 2 == 0) shown.image.described.visibility = Visibility::kPrivate;
      entries.push_back(shown.Entry());
    }
    return entries;
  };
  suggestions->Apply(generation(0), {});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (const Viewer& viewer : {Viewer{"bob"}, Viewer{"ann"}, Viewer{"mod", true}}) {
    readers.emplace_back([&, viewer] {
      const int64_t all = viewer.subject == "bob" ? 10 : 20;
      while (!done) {
        const auto got = suggestions->Complete(viewer, "g", 10);
        ASSERT_EQ(got.size(), 2u);
        ASSERT_EQ(got[0].count, all);
        ASSERT_EQ(got[1].count, all);
      }
    });
  }
  for (int g = 1; g <= 500; ++g) suggestions->Apply(generation(g), generation(g - 1));
  done = true;
  for (std::thread& reader : readers) reader.join();
}

// As IndexedDocument::words: fields behind a byte each, only those that have words.
std::string RandomWords(Dice& dice, const std::string& title) {
  std::string words = title.empty() ? "" : "\x01 " + title;
  for (char field = 2; field < 5; ++field) {
    if (dice.Below(3) == 0) continue;
    words += std::string(1, field) + " ";
    for (int n = 1 + dice.Below(4); n > 0; --n) words += dice.Word() + " ";
  }
  return words;
}

TEST(Suggestions, AChangeOfAnImageCountsAsTakingItOutAndPuttingItInAgain) {
  Dice dice(7);
  const std::unique_ptr<Suggestions> changed = Suggestions::Create();
  for (int step = 0; step < 3000; ++step) {
    const Shown before = RandomShown(dice);
    Shown after = dice.Below(4) == 0 ? RandomShown(dice) : before;
    const std::string title = dice.Word() + " ";
    const std::string words = RandomWords(dice, dice.Below(4) == 0 ? "" : title);
    std::string other = RandomWords(dice, title);
    // Mostly one field is another, at the front, or at the end.
    if (dice.Below(3) > 0) other = words + (dice.Below(2) == 0 ? "\x05 a b ab " : "");
    if (dice.Below(2) > 0) other = "\x01 " + dice.Word() + " " + dice.Word() + " " + other;
    changed->Apply({Suggestions::EntryOf(before.image, words, before.camera)}, {});
    std::vector<Suggestions::Entry> added;
    std::vector<Suggestions::Entry> removed;
    Suggestions::AppendChange({before.image, words, before.camera},
                              {after.image, other, after.camera}, added, removed);
    changed->Apply(added, removed);
    const std::unique_ptr<Suggestions> anew = Suggestions::Create();
    const Suggestions::Entry entry = Suggestions::EntryOf(after.image, other, after.camera);
    anew->Apply({entry}, {});
    const Viewer viewer{after.image.owner, false};
    for (const char* prefix : {"", "a", "b", "c", "é", "山", "s"}) {
      ASSERT_EQ(changed->Complete(viewer, prefix, 50), anew->Complete(viewer, prefix, 50))
          << "step " << step << ": " << words << " -> " << other;
    }
    changed->Apply({}, {entry});
    ASSERT_THAT(changed->Complete({"mod", true}, "", 50), IsEmpty());
  }
}

TEST(Suggestions, TellTheirSizeWhileTheyGrow) {
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  std::atomic<bool> done = false;
  std::thread reader([&] {
    uint64_t terms = 0;
    while (!done) {
      const uint64_t now = suggestions->terms();
      ASSERT_GE(now, terms);
      terms = now;
      ASSERT_GT(suggestions->bytes(), 0u);
    }
  });
  for (int n = 0; n < 2000; ++n) {
    suggestions->Apply({Titled({"w" + std::to_string(n)}).Entry()}, {});
  }
  done = true;
  reader.join();
  EXPECT_EQ(suggestions->terms(), 2000u);
}

TEST(PackedCounts, HoldWhatTheyAreGiven) {
  std::mt19937 random(20261122);
  for (const size_t size : {1, 40, 1000}) {
    std::vector<int32_t> naive;
    PackedCounts counts;
    counts.Reserve(size);
    for (size_t at = 0; at < size; ++at) {
      naive.push_back(at % 50 == 7 ? 1000 : static_cast<int32_t>(random() % 3) - 1);
      counts.Add(naive.back());
    }
    counts.Pack();
    // At first few are large, at last most are.
    for (int i = 0; i < 4000; ++i) {
      const size_t at = random() % size;
      const auto wide = static_cast<int32_t>(random() % 600) - 300;
      naive[at] = i < 2000 && random() % 40 != 0 ? wide / 3 : wide;
      counts.Set(at, naive[at]);
      ASSERT_EQ(counts.size(), size);
      for (size_t n = i % 100 == 0 ? 0 : at; n < (i % 100 == 0 ? size : at + 1); ++n) {
        ASSERT_EQ(counts[n], naive[n]) << n;
      }
    }
  }
}

}  // namespace
}  // namespace stockroom::api
