#include "services/api/search/exec/payloads.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api {
namespace {

// 64 bits of a packed array from bit `bit` on; what lies behind `bytes` reads as 0.
uint64_t BitsAt(const uint8_t* packed, uint64_t bytes, uint64_t bit) {
  const uint64_t byte = bit / 8;
  const auto shift = static_cast<int>(bit % 8);
  uint64_t low = 0;
  if (byte + 9 <= bytes) {
    std::memcpy(&low, packed + byte, 8);
    return shift == 0 ? low : low >> shift | uint64_t{packed[byte + 8]} << (64 - shift);
  }
  uint8_t window[9] = {};
  std::memcpy(window, packed + byte, bytes - std::min(bytes, byte));
  std::memcpy(&low, window, 8);
  return shift == 0 ? low : low >> shift | uint64_t{window[8]} << (64 - shift);
}

// Every second bit, from the lowest on, moved together.
uint64_t EvenBits(uint64_t x) {
  x &= 0x5555555555555555u;
  x = (x | x >> 1) & 0x3333333333333333u;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fu;
  x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
  x = (x | x >> 8) & 0x0000ffff0000ffffu;
  return (x | x >> 16) & 0x00000000ffffffffu;
}

uint64_t AllIf(bool wanted) { return wanted ? ~uint64_t{0} : 0; }

// Of so few the one or other is looked at by itself.
constexpr uint32_t kFewPayloads = 64;

// What two numbers of four bits in a byte say, by that byte.
class BytePairs {
 public:
  BytePairs(const Payload* table, Payload mask) {
    std::array<uint8_t, 16> of_low;
    for (size_t entry = 0; entry < 16; ++entry) of_low[entry] = (table[entry] & mask) != 0 ? 1 : 0;
    for (size_t high = 0; high < 16; ++high) {
      for (size_t low = 0; low < 16; ++low) {
        of_[high * 16 + low] = static_cast<uint8_t>(of_low[low] | of_low[high] << 1);
      }
    }
  }
  // Sixteen numbers.
  uint64_t Of(uint64_t numbers) const {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= uint64_t{of_[numbers >> (8 * i) & 0xff]} << (2 * i);
    return bits;
  }

 private:
  std::array<uint8_t, 256> of_;
};

// Bit n says whether byte n has one of the mask's bits.
uint64_t AnyOfMask(uint64_t bytes, Payload mask) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kLow = 0x7f * kOnes;
  bytes &= mask * kOnes;
  const uint64_t any = (((bytes & kLow) + kLow) | bytes) >> 7 & kOnes;
  // Moves bit 8 n to bit 56 + n.
  return any * 0x0102040810204080u >> 56;
}

}  // namespace

void PayloadBits(const ChunkPostings& postings, Payload mask, uint64_t* by_rank) {
  const uint32_t words = (postings.count + 63) / 64;
  const auto wanted = [&](uint32_t entry) { return (postings.table[entry] & mask) != 0; };
  const uint64_t end = ((uint64_t{postings.first} + postings.count) << postings.log2_bits) + 7;
  const auto bits_at = [&, bytes = end / 8](uint32_t rank) {
    return BitsAt(postings.packed, bytes, (uint64_t{postings.first} + rank) << postings.log2_bits);
  };
  // The words that are done: what vectors leave over is up to the loops below.
  const auto chosen = [&](auto choose, auto entries) -> uint32_t {
    std::array<uint8_t, entries> table{};
    for (uint32_t entry = 0; entry < entries; ++entry) table[entry] = wanted(entry) ? 0xff : 0;
    return choose(postings.packed, end / 8, uint64_t{postings.first} << postings.log2_bits,
                  postings.count / 64, table.data(), by_rank);
  };
  if (postings.packed == nullptr) {
    std::fill_n(by_rank, words, AllIf((postings.uniform & mask) != 0));
  } else if (postings.log2_bits == 0) {
    const uint64_t ones = AllIf(wanted(1));
    const uint64_t zeros = AllIf(wanted(0));
    for (uint32_t w = 0; w < words; ++w) {
      const uint64_t bits = bits_at(w * 64);
      by_rank[w] = (bits & ones) | (~bits & zeros);
    }
  } else if (postings.log2_bits == 1) {
    const std::array<uint64_t, 4> of = {AllIf(wanted(0)), AllIf(wanted(1)), AllIf(wanted(2)),
                                        AllIf(wanted(3))};
    const auto half = [&](uint64_t bits) {
      const uint64_t low = EvenBits(bits);
      const uint64_t high = EvenBits(bits >> 1);
      return ((~high & ~low & of[0]) | (~high & low & of[1]) | (high & ~low & of[2]) |
              (high & low & of[3])) &
             0xffffffffu;
    };
    const uint32_t done = chosen(Kernels().ChoosePairs, std::integral_constant<uint32_t, 4>());
    for (uint32_t w = done; w < words; ++w) {
      uint64_t second = 0;
      if (w * 64 + 32 < postings.count) second = half(bits_at(w * 64 + 32));
      by_rank[w] = half(bits_at(w * 64)) | second << 32;
    }
  } else if (postings.count < kFewPayloads) {
    for (uint32_t w = 0; w < words; ++w) {
      uint64_t bits = 0;
      const uint32_t last = std::min(postings.count, w * 64 + 64);
      for (uint32_t rank = w * 64; rank < last; ++rank) {
        bits |= static_cast<uint64_t>((postings.PayloadAt(rank) & mask) != 0 ? 1 : 0)
                << (rank % 64);
      }
      by_rank[w] = bits;
    }
  } else if (postings.log2_bits == 2) {
    uint32_t w = chosen(Kernels().ChooseNibbles, std::integral_constant<uint32_t, 16>());
    if (w == words) return;
    const BytePairs pairs(postings.table, mask);
    for (; w < words; ++w) {
      uint64_t bits = 0;
      for (uint32_t i = 0; i < 64 && w * 64 + i < postings.count; i += 16) {
        bits |= pairs.Of(bits_at(w * 64 + i)) << i;
      }
      by_rank[w] = bits;
    }
  } else {
    // Payloads themselves: see ChunkPostings.
    for (uint32_t w = 0; w < words; ++w) {
      uint64_t bits = 0;
      for (uint32_t i = 0; i < 64 && w * 64 + i < postings.count; i += 8) {
        bits |= AnyOfMask(bits_at(w * 64 + i), mask) << i;
      }
      by_rank[w] = bits;
    }
  }
  if (postings.count % 64 != 0) {
    by_rank[words - 1] &= ~uint64_t{0} >> (64 - postings.count % 64);
  }
}

}  // namespace stockroom::api
