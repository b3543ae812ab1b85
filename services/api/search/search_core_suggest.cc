#include <algorithm>
#include <tuple>

#include "services/api/search/search_core.h"
#include "services/api/search/text_fold.h"

namespace stockroom::api {
namespace {

// Words and tags each: about half a millisecond at most.
constexpr size_t kTermsExamined = 4096;

}  // namespace

std::vector<const SearchCore::Ranks*> SearchCore::RanksOf(const Viewer& viewer) const {
  if (viewer.sees_all) return {&public_ranks_, &hidden_ranks_};
  const auto own = hidden_.find(viewer.subject);
  if (own == hidden_.end()) return {&public_ranks_};
  return {&public_ranks_, &own->second.ranks};
}

std::vector<Suggestion> SearchCore::Suggest(const Viewer& viewer, const std::string& prefix,
                                            size_t limit) const {
  std::vector<const TermRanking*> word_ranks;
  std::vector<const TermRanking*> tag_ranks;
  for (const Ranks* ranks : RanksOf(viewer)) {
    word_ranks.push_back(&ranks->words);
    tag_ranks.push_back(&ranks->tags);
  }
  struct Found {
    TermRanking::Ranked ranked;
    bool is_tag = false;
  };
  std::vector<Found> found;
  for (const auto& tag : TermRanking::Top(tag_ranks, FoldLine(prefix), limit, kTermsExamined)) {
    found.push_back({tag, true});
  }
  const std::vector<std::string> words = SplitWords(FoldText(prefix));
  if (words.size() == 1) {
    for (const auto& word : TermRanking::Top(word_ranks, words[0], limit, kTermsExamined)) {
      found.push_back({word, false});
    }
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(b.ranked.count, a.ranked.term, b.is_tag) <
           std::tie(a.ranked.count, b.ranked.term, a.is_tag);
  });
  found.resize(std::min(found.size(), limit));
  std::vector<Suggestion> suggestions;
  int lookups = kSpellingLookups;
  for (const Found& one : found) {
    suggestions.push_back(
        {one.is_tag ? SpellingOf(one.ranked.id, viewer, lookups) : std::string(one.ranked.term),
         one.is_tag, one.ranked.count});
  }
  return suggestions;
}

}  // namespace stockroom::api
