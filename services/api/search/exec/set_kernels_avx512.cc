#if defined(__x86_64__)
#include <immintrin.h>

#include <array>

#include "services/api/search/exec/set_kernels_impl.h"

namespace stockroom::api::set_kernels {
namespace {

#define SR_AVX512 \
  __attribute__(( \
      target("avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512vbmi2,avx2,bmi,bmi2,popcnt")))

// GCC 12 warns of its own _mm512_reduce_add_epi64 and _mm512_andnot_si512 when it optimises.
SR_AVX512 inline uint32_t SumOfLanes(__m512i lanes) {
  alignas(64) std::array<uint64_t, 8> sums;
  _mm512_store_si512(sums.data(), lanes);
  uint64_t sum = 0;
  for (const uint64_t lane : sums) sum += lane;
  return static_cast<uint32_t>(sum);
}

SR_AVX512 uint32_t Avx512And(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  __m512i sum = _mm512_setzero_si512();
  for (uint32_t i = 0; i < kChunkWords; i += 8) {
    const __m512i v = _mm512_and_si512(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
    _mm512_storeu_si512(out + i, v);
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(v));
  }
  return SumOfLanes(sum);
}

SR_AVX512 uint32_t Avx512AndNot(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  __m512i sum = _mm512_setzero_si512();
  for (uint32_t i = 0; i < kChunkWords; i += 8) {
    const __m512i v =
        _mm512_maskz_andnot_epi64(0xff, _mm512_loadu_si512(b + i), _mm512_loadu_si512(a + i));
    _mm512_storeu_si512(out + i, v);
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(v));
  }
  return SumOfLanes(sum);
}

SR_AVX512 void Avx512OrInto(uint64_t* into, const uint64_t* from) {
  for (uint32_t i = 0; i < kChunkWords; i += 8) {
    _mm512_storeu_si512(
        into + i, _mm512_or_si512(_mm512_loadu_si512(into + i), _mm512_loadu_si512(from + i)));
  }
}

SR_AVX512 uint32_t Avx512Count(const uint64_t* bits) {
  __m512i sum = _mm512_setzero_si512();
  for (uint32_t i = 0; i < kChunkWords; i += 8) {
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_loadu_si512(bits + i)));
  }
  return SumOfLanes(sum);
}

SR_AVX512 uint32_t Avx512CountAnd(const uint64_t* a, const uint64_t* b) {
  __m512i sum = _mm512_setzero_si512();
  for (uint32_t i = 0; i < kChunkWords; i += 8) {
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_and_si512(_mm512_loadu_si512(a + i),
                                                                     _mm512_loadu_si512(b + i))));
  }
  return SumOfLanes(sum);
}

SR_AVX512 uint32_t Avx512TestEach(const uint64_t* bits, const uint16_t* docs, uint32_t count,
                                  uint64_t* hits) {
  const __m512i ones = _mm512_set1_epi32(1);
  uint32_t found = 0;
  uint32_t i = 0;
  for (; i + 64 <= count; i += 64) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64; k += 16) {
      const __m512i low = _mm512_maskz_cvtepu16_epi32(
          0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(docs + i + k)));
      const __m512i at = _mm512_mask_i32gather_epi32(
          ones, 0xffff, _mm512_maskz_srli_epi32(0xffff, low, 5), bits, 4);
      // Shifts count modulo 32 only after the mask.
      const __m512i bit =
          _mm512_maskz_sllv_epi32(0xffff, ones, _mm512_and_si512(low, _mm512_set1_epi32(31)));
      word |= static_cast<uint64_t>(_mm512_test_epi32_mask(at, bit)) << k;
    }
    hits[i / 64] = word;
    found += static_cast<uint32_t>(_mm_popcnt_u64(word));
  }
  return found + TestEachFrom(i, bits, docs, count, hits);
}

uint32_t Avx512Intersect(const uint16_t* a, uint32_t na, const uint16_t* b, uint32_t nb,
                         uint16_t* out) {
  return kAvx2.Intersect(a, na, b, nb, out);
}

void Avx512Deposit(const uint64_t* bits, const uint64_t* by_rank, uint64_t* out) {
  kAvx2.Deposit(bits, by_rank, out);
}

uint32_t Avx512ChooseNibbles(const uint8_t* packed, uint64_t bytes, uint64_t bit, uint32_t words,
                             const uint8_t* wanted, uint64_t* out) {
  return kAvx2.ChooseNibbles(packed, bytes, bit, words, wanted, out);
}

uint32_t Avx512ChoosePairs(const uint8_t* packed, uint64_t bytes, uint64_t bit, uint32_t words,
                           const uint8_t* wanted, uint64_t* out) {
  return kAvx2.ChoosePairs(packed, bytes, bit, words, wanted, out);
}

SR_AVX512 uint32_t Avx512PickBytes(const uint64_t* rows, const uint8_t* bytes, uint32_t count,
                                   uint8_t* out) {
  uint32_t picked = 0;
  for (uint32_t row = 0; row < (count + 63) / 64; ++row) {
    const uint64_t bits = rows[row];
    // Bytes that are not wanted are not read: there may be none.
    const __m512i of_row = _mm512_maskz_loadu_epi8(bits, bytes + row * 64);
    _mm512_storeu_si512(out + picked, _mm512_maskz_compress_epi8(bits, of_row));
    picked += static_cast<uint32_t>(_mm_popcnt_u64(bits));
  }
  return picked;
}

// Bytes: half of the time went to waiting for memory without it; other distances were not tried.
constexpr size_t kPrefetchAhead = 1536;

SR_AVX512 uint32_t Avx512PickRuns(const uint64_t* rows, uint32_t begun, const uint64_t* firsts,
                                  const uint8_t* bytes, uint32_t words, uint8_t* out) {
  uint32_t picked = 0;
  uint64_t goes_on = begun == 0 ? 0 : rows[(begun - 1) / 64] >> (begun - 1) % 64 & 1;
  for (uint32_t w = 0; w < words; ++w) {
    const uint64_t wanted = _pdep_u64(BitsFrom(rows, begun), firsts[w]);
    begun += static_cast<uint32_t>(_mm_popcnt_u64(firsts[w]));
    const uint64_t runs = Runs(firsts[w], wanted, goes_on);
    goes_on = runs >> 63;
    __builtin_prefetch(bytes + size_t{w} * 64 + kPrefetchAhead);
    const __m512i of_word = _mm512_loadu_si512(bytes + size_t{w} * 64);
    _mm512_storeu_si512(out + picked, _mm512_maskz_compress_epi8(runs, of_word));
    picked += static_cast<uint32_t>(_mm_popcnt_u64(runs));
  }
  return picked;
}

}  // namespace

const SetKernels kAvx512 = {
    .name = "avx512",
    .And = Avx512And,
    .AndNot = Avx512AndNot,
    .OrInto = Avx512OrInto,
    .Count = Avx512Count,
    .CountAnd = Avx512CountAnd,
    .Intersect = Avx512Intersect,
    .TestEach = Avx512TestEach,
    .Deposit = Avx512Deposit,
    .ChooseNibbles = Avx512ChooseNibbles,
    .ChoosePairs = Avx512ChoosePairs,
    .PickBytes = Avx512PickBytes,
    .PickRuns = Avx512PickRuns,
};

}  // namespace stockroom::api::set_kernels
#endif  // __x86_64__
