#include <bit>

#include "services/api/search/exec/set_kernels_impl.h"

namespace stockroom::api::set_kernels {
namespace {

uint32_t PortableAnd(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kChunkWords; ++i) {
    out[i] = a[i] & b[i];
    count += static_cast<uint32_t>(std::popcount(out[i]));
  }
  return count;
}

uint32_t PortableAndNot(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kChunkWords; ++i) {
    out[i] = a[i] & ~b[i];
    count += static_cast<uint32_t>(std::popcount(out[i]));
  }
  return count;
}

void PortableOrInto(uint64_t* into, const uint64_t* from) {
  for (uint32_t i = 0; i < kChunkWords; ++i) into[i] |= from[i];
}

uint32_t PortableCount(const uint64_t* bits) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kChunkWords; ++i) count += static_cast<uint32_t>(std::popcount(bits[i]));
  return count;
}

uint32_t PortableCountAnd(const uint64_t* a, const uint64_t* b) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kChunkWords; ++i) {
    count += static_cast<uint32_t>(std::popcount(a[i] & b[i]));
  }
  return count;
}

}  // namespace

uint32_t MergeFrom(const uint16_t* a, uint32_t na, uint32_t i, const uint16_t* b, uint32_t nb,
                   uint32_t j, uint16_t* out) {
  uint32_t count = 0;
  while (i < na && j < nb) {
    const uint16_t x = a[i];
    const uint16_t y = b[j];
    out[count] = x;
    count += x == y ? 1 : 0;
    i += x <= y ? 1 : 0;
    j += y <= x ? 1 : 0;
  }
  return count;
}

namespace {

uint32_t PortableIntersect(const uint16_t* a, uint32_t na, const uint16_t* b, uint32_t nb,
                           uint16_t* out) {
  // The last one written may be no match, so a full `out` has room for one more.
  return MergeFrom(a, na, 0, b, nb, 0, out);
}

}  // namespace

uint32_t TestEachFrom(uint32_t first, const uint64_t* bits, const uint16_t* docs, uint32_t count,
                      uint64_t* hits) {
  uint32_t found = 0;
  for (uint32_t begin = first; begin < count; begin += 64) {
    const uint32_t end = begin + 64 < count ? begin + 64 : count;
    uint64_t word = 0;
    for (uint32_t i = begin; i < end; ++i) {
      word |= (bits[docs[i] / 64] >> (docs[i] % 64) & 1) << (i % 64);
    }
    hits[begin / 64] = word;
    found += static_cast<uint32_t>(std::popcount(word));
  }
  return found;
}

namespace {

uint32_t PortableTestEach(const uint64_t* bits, const uint16_t* docs, uint32_t count,
                          uint64_t* hits) {
  return TestEachFrom(0, bits, docs, count, hits);
}

void PortableDeposit(const uint64_t* bits, const uint64_t* by_rank, uint64_t* out) {
  uint32_t rank = 0;
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    uint64_t kept = 0;
    for (uint64_t left = bits[w]; left != 0; left &= left - 1, ++rank) {
      if ((by_rank[rank / 64] >> (rank % 64) & 1) != 0) kept |= left & -left;
    }
    out[w] = kept;
  }
}

// Not worth it here: none is done.
uint32_t PortableChoose(const uint8_t*, uint64_t, uint64_t, uint32_t, const uint8_t*, uint64_t*) {
  return 0;
}

}  // namespace

uint32_t PickBytesSingly(const uint64_t* rows, const uint8_t* bytes, uint32_t count, uint8_t* out) {
  uint32_t picked = 0;
  for (uint32_t row = 0; row < (count + 63) / 64; ++row) {
    for (uint64_t left = rows[row]; left != 0; left &= left - 1) {
      out[picked++] = bytes[row * 64 + static_cast<uint32_t>(std::countr_zero(left))];
    }
  }
  return picked;
}

namespace {

uint32_t PortablePickRuns(const uint64_t* rows, uint32_t begun, const uint64_t* firsts,
                          const uint8_t* bytes, uint32_t words, uint8_t* out) {
  uint32_t picked = 0;
  uint64_t goes_on = begun == 0 ? 0 : rows[(begun - 1) / 64] >> (begun - 1) % 64 & 1;
  for (uint32_t w = 0; w < words; ++w) {
    uint64_t wanted = 0;
    uint64_t rows_left = BitsFrom(rows, begun);
    for (uint64_t left = firsts[w]; left != 0; left &= left - 1, rows_left >>= 1, ++begun) {
      wanted |= (left & -left) * (rows_left & 1);
    }
    const uint64_t runs = Runs(firsts[w], wanted, goes_on);
    goes_on = runs >> 63;
    picked += PickBytesSingly(&runs, bytes + size_t{w} * 64, 64, out + picked);
  }
  return picked;
}

}  // namespace

const SetKernels kPortable = {
    .name = "portable",
    .And = PortableAnd,
    .AndNot = PortableAndNot,
    .OrInto = PortableOrInto,
    .Count = PortableCount,
    .CountAnd = PortableCountAnd,
    .Intersect = PortableIntersect,
    .TestEach = PortableTestEach,
    .Deposit = PortableDeposit,
    .ChooseNibbles = PortableChoose,
    .ChoosePairs = PortableChoose,
    .PickBytes = PickBytesSingly,
    .PickRuns = PortablePickRuns,
};

}  // namespace stockroom::api::set_kernels
