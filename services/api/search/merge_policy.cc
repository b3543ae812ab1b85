#include "services/api/search/merge_policy.h"

#include <algorithm>
#include <bit>

namespace stockroom::api {
namespace {

// 0: below 16 documents, 1: below 64, and so on.
int TierOf(uint32_t live) { return std::max(0, (static_cast<int>(std::bit_width(live)) - 3) / 2); }

// Those that may be chosen, smallest first.
std::vector<size_t> BySize(const std::vector<SegmentSize>& sizes) {
  std::vector<size_t> order;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (!sizes[i].busy) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a].live < sizes[b].live; });
  return order;
}

}  // namespace

std::vector<size_t> ChooseMerge(const std::vector<SegmentSize>& sizes, uint64_t most) {
  most = std::min(most, kLargestMerge);
  const std::vector<size_t> order = BySize(sizes);
  std::vector<size_t> chosen;
  uint64_t together = 0;
  for (size_t begin = 0; begin < order.size();) {
    const int tier = TierOf(sizes[order[begin]].live);
    size_t end = begin;
    uint64_t docs = together;
    for (; end < order.size() && TierOf(sizes[order[end]].live) == tier; ++end) {
      docs += sizes[order[end]].live;
    }
    if (docs > most) break;
    together = docs;
    if (end - begin >= kTierWidth) chosen.assign(order.begin(), order.begin() + end);
    begin = end;
  }
  if (!chosen.empty()) return chosen;
  for (const size_t i : order) {
    const SegmentSize& size = sizes[i];
    if (size.docs >= kRewriteFrom && size.live < size.docs / 2 && size.live <= most) return {i};
  }
  return {};
}

std::vector<size_t> ChooseSmallest(const std::vector<SegmentSize>& sizes) {
  std::vector<size_t> order = BySize(sizes);
  uint64_t together = 0;
  size_t taken = 0;
  while (taken < std::min(order.size(), kTierWidth * 2)) {
    together += sizes[order[taken]].live;
    if (together > kLargestMerge) break;
    ++taken;
  }
  order.resize(taken < 2 ? 0 : taken);
  return order;
}

}  // namespace stockroom::api
