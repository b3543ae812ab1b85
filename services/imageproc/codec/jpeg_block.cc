#include "services/imageproc/codec/jpeg_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stockroom::imageproc {
namespace {

constexpr int kBasisBits = 14;
constexpr int kBetween = 3;  // fraction bits between the two passes
constexpr int kFirstShift = kBasisBits - kBetween;
constexpr int kSecondShift = kBasisBits + kBetween;
// Makes samples of -128 to 127 into 0 to 255, and rounds.
constexpr int kSecondStart = (128 << kSecondShift) + (1 << (kSecondShift - 1));

constexpr std::array<uint8_t, 64> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// What each of the 8 frequencies adds to each of `size` samples along one axis.
struct Basis {
  explicit Basis(int size) {
    const int mean_of = 8 / size;
    for (int x = 0; x < size; ++x) {
      for (int u = 0; u < 8; ++u) {
        double sum = 0;
        for (int i = 0; i < mean_of; ++i) {
          const int sample = x * mean_of + i;
          sum += std::cos((2 * sample + 1) * u * std::numbers::pi / 16);
        }
        const double norm = u == 0 ? std::sqrt(0.125) : 0.5;
        const double value = norm * sum / mean_of * (1 << kBasisBits);
        at[x][u] = static_cast<int16_t>(std::lround(value));
      }
      for (const int u : {0, 1, 4, 5}) {
        const int16_t two[2] = {at[x][u], at[x][u + 2]};
        std::memcpy(&pairs[x][u / 4 * 2 + u % 2], two, sizeof two);
      }
    }
  }
  alignas(16) int16_t at[8][8] = {};
  // Of frequencies 0 and 2, 1 and 3, 4 and 6, 5 and 7, each pair as one number.
  int pairs[8][4] = {};
};

template <int kSize>
const Basis kBasis(kSize);

int16_t Saturate(int value) { return static_cast<int16_t>(std::clamp(value, -32768, 32767)); }

template <int kSize>
void TransformPlain(const Block& block, const BlockScale& scale, uint8_t* to, size_t stride) {
  const Basis& basis = kBasis<kSize>;
  int16_t values[64];
  for (int i = 0; i < 64; ++i) {
    values[i] = static_cast<int16_t>(static_cast<uint32_t>(block.at[i] * scale.at[i]));
  }
  for (int y = 0; y < kSize; ++y) {
    int16_t row[8];
    for (int column = 0; column < 8; ++column) {
      int sum = 1 << (kFirstShift - 1);
      for (int u = 0; u < 8; ++u) sum += basis.at[y][u] * values[BlockPlace(u, column)];
      row[column] = Saturate(sum >> kFirstShift);
    }
    for (int x = 0; x < kSize; ++x) {
      int sum = kSecondStart;
      for (int u = 0; u < 8; ++u) sum += basis.at[x][u] * row[u];
      to[size_t(y) * stride + size_t(x)] =
          static_cast<uint8_t>(std::clamp(sum >> kSecondShift, 0, 255));
    }
  }
}

#if defined(__x86_64__)
#define SR_AVX2 __attribute__((target("avx2")))

SR_AVX2 inline __m256i Load(const int16_t* at) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
}

// Two rows of 8: four samples of each.
SR_AVX2 inline __m256i FourSums(__m256i rows, const int16_t (*basis)[8]) {
  const auto dot = [&](int x) SR_AVX2 {
    const __m128i weights = _mm_load_si128(reinterpret_cast<const __m128i*>(basis[x]));
    return _mm256_madd_epi16(rows, _mm256_broadcastsi128_si256(weights));
  };
  const __m256i sums =
      _mm256_hadd_epi32(_mm256_hadd_epi32(dot(0), dot(1)), _mm256_hadd_epi32(dot(2), dot(3)));
  return _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(kSecondStart)), kSecondShift);
}

template <int kSize>
SR_AVX2 void TransformAvx2(const Block& block, const BlockScale& scale, uint8_t* to,
                           size_t stride) {
  const Basis& basis = kBasis<kSize>;
  const __m256i rows02 = _mm256_mullo_epi16(Load(block.at), Load(scale.at));
  const __m256i rows46 = _mm256_mullo_epi16(Load(block.at + 16), Load(scale.at + 16));
  const __m256i rows13 = _mm256_mullo_epi16(Load(block.at + 32), Load(scale.at + 32));
  const __m256i rows57 = _mm256_mullo_epi16(Load(block.at + 48), Load(scale.at + 48));
  const __m256i half = _mm256_set1_epi32(1 << (kFirstShift - 1));
  // Sample y and the one that mirrors it share their even and odd parts.
  __m256i lines[8];
  for (int y = 0; y < (kSize + 1) / 2; ++y) {
    const auto part = [&](__m256i rows, int u) SR_AVX2 {
      return _mm256_madd_epi16(rows, _mm256_set1_epi32(basis.pairs[y][u / 4 * 2 + u % 2]));
    };
    const __m256i even = _mm256_add_epi32(_mm256_add_epi32(part(rows02, 0), part(rows46, 4)), half);
    const __m256i odd = _mm256_add_epi32(part(rows13, 1), part(rows57, 5));
    lines[y] = _mm256_srai_epi32(_mm256_add_epi32(even, odd), kFirstShift);
    lines[kSize - 1 - y] = _mm256_srai_epi32(_mm256_sub_epi32(even, odd), kFirstShift);
  }
  for (int y = 0; y < kSize; y += 2) {
    // Packing interleaves halves; this puts line y into the lower, y + 1 into the upper one.
    const __m256i pair = _mm256_permute4x64_epi64(_mm256_packs_epi32(lines[y], lines[y + 1]),
                                                  _MM_SHUFFLE(3, 1, 2, 0));
    __m256i sums = FourSums(pair, basis.at);
    __m256i more = kSize == 8 ? FourSums(pair, basis.at + 4) : sums;
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_packs_epi32(sums, more), _mm256_setzero_si256());
    const int64_t low = _mm_cvtsi128_si64(_mm256_castsi256_si128(bytes));
    const int64_t high = _mm_cvtsi128_si64(_mm256_extracti128_si256(bytes, 1));
    std::memcpy(to + size_t(y) * stride, &low, kSize);
    std::memcpy(to + size_t(y + 1) * stride, &high, kSize);
  }
}
#endif

template <int kSize>
BlockTransform Pick([[maybe_unused]] bool plain) {
#if defined(__x86_64__)
  if (!plain && __builtin_cpu_supports("avx2")) return TransformAvx2<kSize>;
#endif
  return TransformPlain<kSize>;
}

constexpr std::array<uint8_t, 96> MakeZigzagPlaces() {
  std::array<uint8_t, 96> places = {};
  for (int i = 0; i < 96; ++i) {
    const int at = i < 64 ? kZigzag[size_t(i)] : 0;
    places[size_t(i)] = static_cast<uint8_t>(i < 64 ? BlockPlace(at / 8, at % 8) : 64);
  }
  return places;
}

// Only the mean.
void TransformMean(const Block& block, const BlockScale& scale, uint8_t* to, size_t) {
  *to = MeanOf(block, scale);
}

}  // namespace

const std::array<uint8_t, 96> kZigzagPlace = MakeZigzagPlaces();

uint8_t MeanOf(const Block& block, const BlockScale& scale) {
  const auto value = static_cast<int16_t>(static_cast<uint32_t>(block.at[0] * scale.at[0]));
  return static_cast<uint8_t>(std::clamp(((value + 4) >> 3) + 128, 0, 255));
}

BlockTransform TransformFor(int size, bool plain) {
  switch (size) {
    case 1:
      return TransformMean;
    case 2:
      return Pick<2>(plain);
    case 4:
      return Pick<4>(plain);
    default:
      return Pick<8>(plain);
  }
}

}  // namespace stockroom::imageproc
