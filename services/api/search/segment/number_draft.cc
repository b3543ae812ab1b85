#include "services/api/search/segment/number_draft.h"

#include <utility>

namespace stockroom::api::segment_format {

void NumberRanges::Range::Add(int64_t value) {
  min = any ? std::min(min, value) : value;
  max = any ? std::max(max, value) : value;
  any = true;
}

uint32_t NumberRanges::Range::Bits() const {
  const auto bits = static_cast<uint32_t>(
      std::bit_width(static_cast<uint64_t>(max) - static_cast<uint64_t>(min)));
  return bits > NumberColumn::Block::kMostBits ? 64 : bits;
}

void NumberRanges::Add(Doc doc, int64_t value) {
  const size_t block = doc >> kNumberBlockShift;
  if (block >= blocks_.size()) blocks_.resize(std::max(block + 1, blocks_.size() * 2));
  blocks_[block].Add(value);
  all_.Add(value);
}

NumberRanges::Layout NumberRanges::LayOut(const std::vector<Range>& ranges, uint32_t docs,
                                          uint32_t shift) {
  Layout layout;
  layout.shape.shift = shift;
  layout.blocks.reserve(ranges.size());
  uint64_t left = docs;
  for (const Range& range : ranges) {
    const uint32_t bits = range.Bits();
    layout.blocks.push_back(
        {.least = range.min, .place = layout.bytes << NumberColumn::Block::kPlaceShift | bits});
    const uint64_t in_block = std::min(left, uint64_t{1} << shift);
    layout.bytes += NumberBytes(in_block, bits);
    left -= in_block;
  }
  return layout;
}

NumberRanges::Layout NumberRanges::LayOut(uint32_t docs) const {
  std::vector<Range> blocks = blocks_;
  blocks.resize(NumberBlocks(docs, kNumberBlockShift));
  Layout in_blocks = LayOut(blocks, docs, kNumberBlockShift);
  Layout at_once =
      LayOut(std::vector<Range>(NumberBlocks(docs, kOneBlockShift), all_), docs, kOneBlockShift);
  const auto cost = [](const Layout& layout) {
    return layout.blocks.size() * sizeof(NumberColumn::Block) + layout.bytes;
  };
  Layout& least = cost(in_blocks) < cost(at_once) ? in_blocks : at_once;
  least.shape.min = all_.min;
  least.shape.max = all_.max;
  return std::move(least);
}

}  // namespace stockroom::api::segment_format
