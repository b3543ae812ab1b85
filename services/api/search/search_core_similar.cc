#include <algorithm>
#include <utility>

#include "services/api/search/search_core.h"

namespace stockroom::api {

bool SearchCore::Nearer(const Near& a, const Near& b) const {
  if (a.distance != b.distance) return a.distance < b.distance;
  return keys_[b.slot] < keys_[a.slot];
}

std::optional<SearchCore::SimilarScan> SearchCore::BeginSimilar(const Viewer& viewer,
                                                                const std::string& id,
                                                                size_t limit) const {
  const auto it = slot_of_.find(id);
  if (it == slot_of_.end() || !comparable_.Test(it->second)) return std::nullopt;
  SimilarScan scan{
      .target = looks_[it->second], .candidates = AllVisible(viewer), .limit = limit, .best = {}};
  scan.candidates.IntersectWith(comparable_);
  scan.candidates.Clear(it->second);
  return scan;
}

void SearchCore::Compare(SimilarScan& scan, size_t begin, size_t end) const {
  const auto nearer = [this](const Near& a, const Near& b) { return Nearer(a, b); };
  std::vector<Near>& best = scan.best;
  scan.candidates.ForEachIn(begin, end, [&](Slot slot) {
    Near near{BlurDistance(scan.target, looks_[slot]), slot};
    const bool full = best.size() == scan.limit;
    // The palettes can only add to it.
    if (full && near.distance > best.front().distance) return;
    near.distance += PaletteDistance(scan.target, looks_[slot]);
    if (full && !Nearer(near, best.front())) return;
    if (full) {
      std::pop_heap(best.begin(), best.end(), nearer);
      best.pop_back();
    }
    best.push_back(near);
    std::push_heap(best.begin(), best.end(), nearer);
  });
}

std::vector<SearchCore::SimilarId> SearchCore::Similar(SimilarScan scan) const {
  std::sort(scan.best.begin(), scan.best.end(),
            [this](const Near& a, const Near& b) { return Nearer(a, b); });
  std::vector<SimilarId> ids;
  for (const Near& near : scan.best) ids.push_back({keys_[near.slot].id, near.distance});
  return ids;
}

}  // namespace stockroom::api
