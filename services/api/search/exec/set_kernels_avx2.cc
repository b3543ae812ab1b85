#if defined(__x86_64__)
#include <immintrin.h>

#include <array>

#include "services/api/search/exec/set_kernels_impl.h"

namespace stockroom::api::set_kernels {
namespace {

#define SR_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))

// Bits set in each 64-bit lane: nibbles by a table (W. Mula's method).
SR_AVX2 inline __m256i LaneCounts(__m256i v) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2,
                                         1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(0x0f);
  const __m256i counts =
      _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
                      _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low)));
  return _mm256_sad_epu8(counts, _mm256_setzero_si256());
}

SR_AVX2 inline uint32_t SumOf(__m256i lanes) {
  const __m128i half =
      _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  return static_cast<uint32_t>(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

SR_AVX2 inline __m256i Load256(const uint64_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
SR_AVX2 inline void Store256(uint64_t* at, __m256i v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), v);
}

SR_AVX2 uint32_t Avx2And(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  __m256i sum = _mm256_setzero_si256();
  for (uint32_t i = 0; i < kChunkWords; i += 4) {
    const __m256i v = _mm256_and_si256(Load256(a + i), Load256(b + i));
    Store256(out + i, v);
    sum = _mm256_add_epi64(sum, LaneCounts(v));
  }
  return SumOf(sum);
}

SR_AVX2 uint32_t Avx2AndNot(const uint64_t* a, const uint64_t* b, uint64_t* out) {
  __m256i sum = _mm256_setzero_si256();
  for (uint32_t i = 0; i < kChunkWords; i += 4) {
    const __m256i v = _mm256_andnot_si256(Load256(b + i), Load256(a + i));
    Store256(out + i, v);
    sum = _mm256_add_epi64(sum, LaneCounts(v));
  }
  return SumOf(sum);
}

SR_AVX2 void Avx2OrInto(uint64_t* into, const uint64_t* from) {
  for (uint32_t i = 0; i < kChunkWords; i += 4) {
    Store256(into + i, _mm256_or_si256(Load256(into + i), Load256(from + i)));
  }
}

SR_AVX2 uint32_t Avx2Count(const uint64_t* bits) {
  __m256i sum = _mm256_setzero_si256();
  for (uint32_t i = 0; i < kChunkWords; i += 4) {
    sum = _mm256_add_epi64(sum, LaneCounts(Load256(bits + i)));
  }
  return SumOf(sum);
}

SR_AVX2 uint32_t Avx2CountAnd(const uint64_t* a, const uint64_t* b) {
  __m256i sum = _mm256_setzero_si256();
  for (uint32_t i = 0; i < kChunkWords; i += 4) {
    sum = _mm256_add_epi64(sum, LaneCounts(_mm256_and_si256(Load256(a + i), Load256(b + i))));
  }
  return SumOf(sum);
}

// By mask of eight 16-bit lanes: the shuffle that moves those lanes to the front.
struct PackTable {
  alignas(16) std::array<std::array<uint8_t, 16>, 256> shuffles{};
};
constexpr PackTable MakePackTable() {
  PackTable table;
  for (unsigned mask = 0; mask < 256; ++mask) {
    unsigned at = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      table.shuffles[mask][at++] = static_cast<uint8_t>(2 * lane);
      table.shuffles[mask][at++] = static_cast<uint8_t>(2 * lane + 1);
    }
    while (at < 16) table.shuffles[mask][at++] = 0x80;
  }
  return table;
}
constexpr PackTable kPack = MakePackTable();

// Compares eight with eight at once (Schlegel, Willhalm, Lehner: Fast Sorted-Set Intersection using
// SIMD Instructions, 2011).
SR_AVX2 uint32_t Avx2Intersect(const uint16_t* a, uint32_t na, const uint16_t* b, uint32_t nb,
                               uint16_t* out) {
  uint32_t i = 0;
  uint32_t j = 0;
  uint32_t count = 0;
  while (i + 8 <= na && j + 8 <= nb) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i));
    const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + j));
    const __m128i in_both =
        _mm_cmpestrm(y, 8, x, 8, _SIDD_UWORD_OPS | _SIDD_CMP_EQUAL_ANY | _SIDD_BIT_MASK);
    const auto mask = static_cast<uint32_t>(_mm_extract_epi32(in_both, 0)) & 0xff;
    const __m128i shuffle =
        _mm_load_si128(reinterpret_cast<const __m128i*>(kPack.shuffles[mask].data()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + count), _mm_shuffle_epi8(x, shuffle));
    count += static_cast<uint32_t>(_mm_popcnt_u32(mask));
    const uint16_t last_a = a[i + 7];
    const uint16_t last_b = b[j + 7];
    i += last_a <= last_b ? 8 : 0;
    j += last_b <= last_a ? 8 : 0;
  }
  return count + MergeFrom(a, na, i, b, nb, j, out + count);
}

SR_AVX2 uint32_t Avx2TestEach(const uint64_t* bits, const uint16_t* docs, uint32_t count,
                              uint64_t* hits) {
  const __m256i low_bits = _mm256_set1_epi32(31);
  const auto* words = reinterpret_cast<const int*>(bits);
  uint32_t found = 0;
  uint32_t i = 0;
  for (; i + 64 <= count; i += 64) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64; k += 8) {
      const __m256i low =
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(docs + i + k)));
      const __m256i at = _mm256_i32gather_epi32(words, _mm256_srli_epi32(low, 5), 4);
      // The wanted bit becomes the sign.
      const __m256i sign = _mm256_sllv_epi32(at, _mm256_andnot_si256(low, low_bits));
      word |= static_cast<uint64_t>(_mm256_movemask_ps(_mm256_castsi256_ps(sign))) << k;
    }
    hits[i / 64] = word;
    found += static_cast<uint32_t>(_mm_popcnt_u64(word));
  }
  return found + TestEachFrom(i, bits, docs, count, hits);
}

SR_AVX2 void Avx2Deposit(const uint64_t* bits, const uint64_t* by_rank, uint64_t* out) {
  uint32_t rank = 0;
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    const uint64_t word = bits[w];
    const auto need = static_cast<uint32_t>(_mm_popcnt_u64(word));
    uint64_t wanted = 0;
    if (need != 0) {
      wanted = by_rank[rank / 64] >> (rank % 64);
      if (rank % 64 + need > 64) wanted |= by_rank[rank / 64 + 1] << (64 - rank % 64);
    }
    rank += need;
    out[w] = _pdep_u64(wanted, word);
  }
}

SR_AVX2 inline __m256i LoadBytes(const uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

SR_AVX2 uint32_t Avx2ChooseNibbles(const uint8_t* packed, uint64_t bytes, uint64_t bit,
                                   uint32_t words, const uint8_t* wanted, uint64_t* out) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(wanted)));
  const __m256i low = _mm256_set1_epi8(0x0f);
  const bool split = bit % 8 != 0;
  const uint64_t first = bit / 8;
  uint32_t word = 0;
  for (; word < words && first + uint64_t{word} * 32 + 33 <= bytes; ++word) {
    const uint8_t* at = packed + first + uint64_t{word} * 32;
    const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(LoadBytes(at), 4), low);
    // The numbers in the lower halves: of these bytes, or of those one further on.
    const __m256i lower = _mm256_and_si256(LoadBytes(split ? at + 1 : at), low);
    const auto of_upper =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_shuffle_epi8(table, upper)));
    const auto of_lower =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_shuffle_epi8(table, lower)));
    out[word] = _pdep_u64(split ? of_upper : of_lower, 0x5555555555555555u) |
                _pdep_u64(split ? of_lower : of_upper, 0xaaaaaaaaaaaaaaaau);
  }
  return word;
}

SR_AVX2 uint32_t Avx2ChoosePairs(const uint8_t* packed, uint64_t bytes, uint64_t bit,
                                 uint32_t words, const uint8_t* wanted, uint64_t* out) {
  uint64_t of[4];
  for (int value = 0; value < 4; ++value) of[value] = wanted[value] != 0 ? ~uint64_t{0} : 0;
  const auto shift = static_cast<int>(bit % 8);
  const uint64_t first = bit / 8;
  uint32_t word = 0;
  for (; word < words && first + uint64_t{word} * 16 + 17 <= bytes; ++word) {
    const uint8_t* at = packed + first + uint64_t{word} * 16;
    uint64_t low = 0;
    uint64_t high = 0;
    for (int half = 0; half < 2; ++half) {
      uint64_t numbers = 0;
      __builtin_memcpy(&numbers, at + 8 * half, 8);
      // Two steps: a shift by 64 is none.
      numbers = numbers >> shift | uint64_t{at[8 * half + 8]} << (63 - shift) << 1;
      low |= _pext_u64(numbers, 0x5555555555555555u) << (32 * half);
      high |= _pext_u64(numbers, 0xaaaaaaaaaaaaaaaau) << (32 * half);
    }
    out[word] =
        (~high & ((~low & of[0]) | (low & of[1]))) | (high & ((~low & of[2]) | (low & of[3])));
  }
  return word;
}

SR_AVX2 uint32_t Avx2PickRuns(const uint64_t* rows, uint32_t begun, const uint64_t* firsts,
                              const uint8_t* bytes, uint32_t words, uint8_t* out) {
  uint32_t picked = 0;
  uint64_t goes_on = begun == 0 ? 0 : rows[(begun - 1) / 64] >> (begun - 1) % 64 & 1;
  for (uint32_t w = 0; w < words; ++w) {
    const uint64_t wanted = _pdep_u64(BitsFrom(rows, begun), firsts[w]);
    begun += static_cast<uint32_t>(_mm_popcnt_u64(firsts[w]));
    const uint64_t runs = Runs(firsts[w], wanted, goes_on);
    goes_on = runs >> 63;
    for (uint64_t left = runs; left != 0; left = _blsr_u64(left)) {
      out[picked++] = bytes[size_t{w} * 64 + _tzcnt_u64(left)];
    }
  }
  return picked;
}

}  // namespace

const SetKernels kAvx2 = {
    .name = "avx2",
    .And = Avx2And,
    .AndNot = Avx2AndNot,
    .OrInto = Avx2OrInto,
    .Count = Avx2Count,
    .CountAnd = Avx2CountAnd,
    .Intersect = Avx2Intersect,
    .TestEach = Avx2TestEach,
    .Deposit = Avx2Deposit,
    .ChooseNibbles = Avx2ChooseNibbles,
    .ChoosePairs = Avx2ChoosePairs,
    .PickBytes = PickBytesSingly,
    .PickRuns = Avx2PickRuns,
};

}  // namespace stockroom::api::set_kernels
#endif  // __x86_64__
