// A count by document, in two bytes each as long as they are enough. Lock-free for readers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "services/api/search/segment/bits.h"

namespace stockroom::api {

// Any number of threads read while one writes: they see a count before or after its change, never
// half of one. Once a count needs more than two bytes, it and the 255 beside it have four more:
// few images are looked at so much.
class PopularityColumn {
 public:
  explicit PopularityColumn(uint32_t docs);
  ~PopularityColumn();
  PopularityColumn(const PopularityColumn&) = delete;
  PopularityColumn& operator=(const PopularityColumn&) = delete;

  uint32_t docs() const { return static_cast<uint32_t>(narrow_.size()); }
  uint32_t At(Doc doc) const {
    const uint16_t narrow = narrow_[doc].load(std::memory_order_acquire);
    return narrow != kIsWide ? narrow : WideAt(doc);
  }
  // One writer at a time.
  void Set(Doc doc, uint32_t count);
  uint64_t bytes() const;

 private:
  static constexpr uint16_t kIsWide = 0xffff;
  static constexpr uint32_t kBlockDocs = 256;
  using WideBlock = std::array<std::atomic<uint32_t>, kBlockDocs>;

  uint32_t WideAt(Doc doc) const;

  std::vector<std::atomic<uint16_t>> narrow_;
  // Owned; null as long as the block needs none, and there to the end from then on.
  std::vector<std::atomic<WideBlock*>> wide_;
  std::atomic<uint32_t> wide_blocks_ = 0;
};

}  // namespace stockroom::api
