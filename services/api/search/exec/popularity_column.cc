#include "services/api/search/exec/popularity_column.h"

namespace stockroom::api {

PopularityColumn::PopularityColumn(uint32_t docs)
    : narrow_(docs), wide_((docs + kBlockDocs - 1) / kBlockDocs) {}

PopularityColumn::~PopularityColumn() {
  for (const std::atomic<WideBlock*>& block : wide_) delete block.load();
}

uint32_t PopularityColumn::WideAt(Doc doc) const {
  // Set before the mark that led here.
  const WideBlock* const block = wide_[doc / kBlockDocs].load(std::memory_order_acquire);
  return (*block)[doc % kBlockDocs].load(std::memory_order_relaxed);
}

void PopularityColumn::Set(Doc doc, uint32_t count) {
  if (count < kIsWide) {
    narrow_[doc].store(static_cast<uint16_t>(count), std::memory_order_release);
    return;
  }
  std::atomic<WideBlock*>& place = wide_[doc / kBlockDocs];
  WideBlock* block = place.load(std::memory_order_relaxed);
  if (block == nullptr) {
    block = new WideBlock();
    place.store(block, std::memory_order_release);
    wide_blocks_.fetch_add(1, std::memory_order_relaxed);
  }
  (*block)[doc % kBlockDocs].store(count, std::memory_order_relaxed);
  narrow_[doc].store(kIsWide, std::memory_order_release);
}

uint64_t PopularityColumn::bytes() const {
  return narrow_.size() * sizeof(uint16_t) + wide_.size() * sizeof(wide_[0]) +
         wide_blocks_.load(std::memory_order_relaxed) * uint64_t{sizeof(WideBlock)};
}

}  // namespace stockroom::api
