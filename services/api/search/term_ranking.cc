#include "services/api/search/term_ranking.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace stockroom::api {
namespace {

// Of a count; -1 of none.
int LevelOf(uint32_t count) { return static_cast<int>(std::bit_width(count)) - 1; }

bool Before(const TermRanking::Ranked& a, const TermRanking::Ranked& b) {
  return std::tie(b.count, a.term) < std::tie(a.count, b.term);
}

// Keeps the best `limit`, in order.
void Trim(std::vector<TermRanking::Ranked>& ranked, size_t limit) {
  const size_t kept = std::min(ranked.size(), limit);
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(kept),
                    ranked.end(), Before);
  ranked.resize(kept);
}

}  // namespace

void TermRanking::Move(Id id, std::string_view term, uint32_t before, uint32_t after) {
  const int from = LevelOf(before);
  const int to = LevelOf(after);
  if (from == to) return;
  if (from >= 0) levels_[from].erase(term);
  if (to < 0) return;
  if (levels_.size() <= static_cast<size_t>(to)) levels_.resize(to + 1);
  levels_[to].emplace(term, id);
}

void TermRanking::Add(Id id, std::string_view term) {
  uint32_t& count = counts_[id];
  Move(id, term, count, count + 1);
  ++count;
}

void TermRanking::Remove(Id id, std::string_view term) {
  const auto it = counts_.find(id);
  if (it == counts_.end()) return;
  Move(id, term, it->second, it->second - 1);
  if (--it->second == 0) counts_.erase(it);
}

std::vector<TermRanking::Ranked> TermRanking::Top(const std::vector<const TermRanking*>& sources,
                                                  std::string_view prefix, size_t limit,
                                                  size_t budget) {
  std::vector<Ranked> best;
  size_t levels = 0;
  for (const TermRanking* source : sources) levels = std::max(levels, source->levels_.size());
  for (int level = static_cast<int>(levels) - 1; level >= 0; --level) {
    for (size_t s = 0; s < sources.size(); ++s) {
      if (sources[s]->levels_.size() <= static_cast<size_t>(level)) continue;
      const auto& terms = sources[s]->levels_[level];
      for (auto it = terms.lower_bound(prefix);
           it != terms.end() && it->first.starts_with(prefix) && budget > 0; ++it, --budget) {
        Ranked ranked{.id = it->second, .term = it->first};
        bool seen = false;  // through another source
        for (size_t other = 0; other < sources.size(); ++other) {
          const int64_t count = sources[other]->Count(ranked.id);
          const int its_level = LevelOf(static_cast<uint32_t>(count));
          seen = seen || its_level > level || (its_level == level && other < s);
          ranked.count += count;
        }
        if (!seen) best.push_back(ranked);
      }
    }
    Trim(best, limit);
    // What was not seen has fewer than 2^level in each source.
    const int64_t unseen = static_cast<int64_t>(sources.size()) * ((int64_t{1} << level) - 1);
    if (budget == 0 || (best.size() == limit && best.back().count > unseen)) break;
  }
  return best;
}

}  // namespace stockroom::api
