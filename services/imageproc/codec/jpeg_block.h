// From the coefficients of one JPEG block to its samples, at full, half, quarter or eighth size:
// every sample of a smaller size is the mean of those that it stands for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stockroom::imageproc {

// Places of a block's 64 coefficients in memory: rows 0 and 2 of the block by turns, column by
// column, then 4 and 6, 1 and 3, 5 and 7: what a multiply-add of pairs takes without shuffling.
constexpr int BlockPlace(int row, int column) {
  constexpr int kPair[8] = {0, 2, 0, 2, 1, 3, 1, 3};
  constexpr int kSecond[8] = {0, 0, 1, 1, 0, 0, 1, 1};
  return kPair[row] * 16 + column * 2 + kSecond[row];
}

// Of zigzag index 0 to 63. The 32 behind them are for runs that lead out of a block: they share a
// place behind its end.
inline constexpr int kBlockRoom = 64 + 16;
extern const std::array<uint8_t, 96> kZigzagPlace;

struct alignas(32) Block {
  int16_t at[kBlockRoom];
};
struct alignas(32) BlockScale {
  int16_t at[64];  // quantisation, in the places of a Block
};

// The sample that all are when only the first coefficient is there.
uint8_t MeanOf(const Block& block, const BlockScale& scale);

// Writes `size` rows of `size` samples (1, 2, 4 or 8), `stride` apart. Damaged coefficients give
// some samples or other.
using BlockTransform = void (*)(const Block& block, const BlockScale& scale, uint8_t* to,
                                size_t stride);
// `plain`: without the processor's vector instructions; the result is the same to the bit.
BlockTransform TransformFor(int size, bool plain);

}  // namespace stockroom::imageproc
