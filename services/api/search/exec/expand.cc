#include "services/api/search/exec/expand.h"

#include <algorithm>

#include "services/api/search/text/stem.h"
#include "services/api/search/text/text_fold.h"
#include "services/api/search/text/typo.h"

namespace stockroom::api {
namespace {

constexpr float kStemFits = 0.8f;
constexpr float kPrefixFits = 0.5f;
constexpr float kTypoFits[] = {1, 0.4f, 0.2f};
constexpr size_t kLongestLetter = 4;  // bytes in UTF-8

using Range = std::pair<TermOrd, TermOrd>;

std::string_view FirstLetter(std::string_view word) {
  size_t length = 1;
  while (length < word.size() && (static_cast<unsigned char>(word[length]) & 0xc0) == 0x80) {
    ++length;
  }
  return word.substr(0, length);
}

// A tag that is one word is that word's term.
bool IsOneWord(std::string_view tag) {
  const std::vector<std::string> words = SplitWords(tag);
  return words.size() == 1 && words[0] == tag;
}

std::string TagTerm(std::string_view tag) { return std::string(1, kTagPrefix).append(tag); }

void AddRange(Range range, float fit, std::vector<Expansion>& found) {
  for (TermOrd term = range.first; term < range.second; ++term) found.push_back({term, fit});
}

void AddForms(const Segment& segment, const Wanted& wanted, std::vector<Expansion>& found) {
  const std::string stem = Stem(wanted.stemming, wanted.text);
  const Range range = segment.TermsWithPrefix(StemPrefix(wanted.stemming, wanted.text));
  segment.VisitTerms(range.first, range.second, [&](TermOrd term, std::string_view text) {
    if (Stem(wanted.stemming, text) == stem) found.push_back({term, kStemFits});
    return true;
  });
}

void AddTypos(const Segment& segment, const Wanted& wanted, std::vector<Expansion>& found) {
  const Range range = segment.TermsWithPrefix(FirstLetter(wanted.text));
  const size_t slack = static_cast<size_t>(wanted.typos) * kLongestLetter;
  segment.VisitTerms(range.first, range.second, [&](TermOrd term, std::string_view text) {
    if (text.size() > wanted.text.size() + slack || text.size() + slack < wanted.text.size()) {
      return true;
    }
    const int distance = TypoDistance(wanted.text, text, wanted.typos);
    if (distance <= wanted.typos) found.push_back({term, kTypoFits[distance]});
    return true;
  });
}

}  // namespace

std::vector<Wanted> WantedOf(const WordsNode& node, const std::string& stemming) {
  std::vector<Wanted> wanted;
  for (const std::string& word : node.words) {
    Wanted& one = wanted.emplace_back();
    one.text = word;
    one.fields = node.fields;
  }
  wanted.back().is_prefix = node.last_is_prefix;
  if (wanted.size() == 1) {
    wanted[0].typos = node.typos;
    if (node.last_is_prefix) wanted[0].stemming = stemming;
  }
  return wanted;
}

Lookups LookupsOf(const WordsNode& node, const std::string& stemming) {
  Lookups lookups;
  std::vector<Wanted> words = WantedOf(node, stemming);
  bool in_pair = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool begins_pair =
        i + 1 < words.size() && IsOneCharacter(words[i].text) && IsOneCharacter(words[i + 1].text);
    if (begins_pair) {
      Wanted& pair = lookups.all.emplace_back(words[i]);
      pair.text = PairTerm(words[i].text, words[i + 1].text);
      pair.is_prefix = words[i + 1].is_prefix;
    } else if (!in_pair) {
      lookups.all.push_back(words[i]);
    }
    in_pair = begins_pair;
  }
  lookups.enough = lookups.all.size() == 1;
  return lookups;
}

Wanted WantedOf(const TagNode& node) {
  Wanted wanted;
  wanted.text = node.tag;
  wanted.is_tag = true;
  wanted.is_prefix = node.is_prefix;
  wanted.fields = MaskOf(TextField::kTag);
  return wanted;
}

TermOrd ExactTerm(const Segment& segment, const Wanted& wanted) {
  if (wanted.is_tag && !IsOneWord(wanted.text)) return segment.FindTerm(TagTerm(wanted.text));
  return segment.FindTerm(wanted.text);
}

std::vector<Expansion> Expand(const Segment& segment, const Wanted& wanted) {
  std::vector<Expansion> found;
  const TermOrd exact = ExactTerm(segment, wanted);
  if (exact != kNoTerm) found.push_back({exact, 1});
  if (!wanted.is_prefix && wanted.typos == 0 && wanted.stemming.empty()) return found;
  if (wanted.is_prefix) {
    // Nothing that begins with these characters is a word or a tag of one.
    if (!wanted.is_tag || (wanted.text[0] != kTagPrefix && wanted.text[0] != kPairPrefix)) {
      AddRange(segment.TermsWithPrefix(wanted.text), kPrefixFits, found);
    }
    if (wanted.is_tag) {
      AddRange(segment.TermsWithPrefix(TagTerm(wanted.text)), kPrefixFits, found);
    }
  }
  if (!wanted.stemming.empty()) AddForms(segment, wanted, found);
  if (wanted.typos > 0) AddTypos(segment, wanted, found);
  // The best fit of each term first.
  std::sort(found.begin(), found.end(), [](const Expansion& a, const Expansion& b) {
    return a.term != b.term ? a.term < b.term : a.fit > b.fit;
  });
  found.erase(std::unique(found.begin(), found.end(),
                          [](const Expansion& a, const Expansion& b) { return a.term == b.term; }),
              found.end());
  return found;
}

uint32_t ExpansionWork(const Segment& segment, const Wanted& wanted) {
  const auto size = [&](std::string_view prefix) {
    const Range range = segment.TermsWithPrefix(prefix);
    return range.second - range.first;
  };
  uint32_t work = 1;
  if (wanted.is_prefix) work += size(wanted.text);
  if (wanted.is_prefix && wanted.is_tag) work += size(TagTerm(wanted.text));
  if (!wanted.stemming.empty()) work += size(StemPrefix(wanted.stemming, wanted.text));
  if (wanted.typos > 0) work += size(FirstLetter(wanted.text));
  return work;
}

}  // namespace stockroom::api
