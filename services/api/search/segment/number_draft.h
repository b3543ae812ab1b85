// A column of numbers while a segment is made. For this folder only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "services/api/search/segment/segment_format.h"

namespace stockroom::api::segment_format {

// What a column's blocks have to hold: told every number, it knows their least and most.
class NumberRanges {
 public:
  // Documents in any order; those without a number get one that can be had for nothing.
  void Add(Doc doc, int64_t value);

  struct Layout {
    Header::NumberShape shape;
    std::vector<NumberColumn::Block> blocks;
    uint64_t bytes = 0;  // of the numbers
  };
  // The smaller one of blocks and one block of all.
  Layout LayOut(uint32_t docs) const;

 private:
  struct Range {
    int64_t min = 0;
    int64_t max = 0;
    bool any = false;

    void Add(int64_t value);
    uint32_t Bits() const;
  };
  static Layout LayOut(const std::vector<Range>& ranges, uint32_t docs, uint32_t shift);

  Range all_;
  std::vector<Range> blocks_;
};

// Writes number `index` of a block into zeros; once each.
inline void PutNumber(const NumberColumn::Block& block, uint32_t index, int64_t value,
                      uint8_t* data) {
  const uint64_t bit = uint64_t{index} * block.bits();
  const uint64_t above = static_cast<uint64_t>(value) - static_cast<uint64_t>(block.least);
  uint8_t* at = data + block.byte() + bit / 8;
  uint64_t bytes = Load<uint64_t>(at);
  bytes |= above << bit % 8;
  std::memcpy(at, &bytes, sizeof(bytes));
}

}  // namespace stockroom::api::segment_format
