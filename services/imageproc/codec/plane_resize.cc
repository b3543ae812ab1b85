#include "services/imageproc/codec/plane_resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stockroom::imageproc {
namespace {

constexpr int kLobes = 3;
constexpr int kWeightBits = 14;
// A row in the ring holds samples << 7, a summed column samples << 6: what is left of 16 bits after
// the kernel's overshoot.
constexpr int kRingBits = 7;
constexpr int kColumnBits = 6;
constexpr int kReduceShift = kWeightBits + kColumnBits;
constexpr int kLanes = 16;  // of 16 bits in an AVX2 register

double Lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= kLobes) return 0;
  const double angle = std::numbers::pi * x;
  return kLobes * std::sin(angle) * std::sin(angle / kLobes) / (angle * angle);
}

int RoundUp(int value, int to) { return (value + to - 1) / to * to; }

// Rounded so that they sum up to one exactly: a flat area stays as it is.
void Quantise(const std::vector<double>& exact, int16_t* weights) {
  double sum = 0;
  for (const double weight : exact) sum += weight;
  int left = 1 << kWeightBits;
  size_t largest = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    weights[i] = static_cast<int16_t>(std::lround(exact[i] / sum * (1 << kWeightBits)));
    left -= weights[i];
    if (exact[i] > exact[largest]) largest = i;
  }
  weights[largest] = static_cast<int16_t>(weights[largest] + left);
}

// The loops below are the whole cost: each in plain C++ and, for x86, in AVX2, equal to the bit.

void WidenPlain(const uint8_t* from, int16_t* to, int count) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] << kRingBits);
}

// A sum of rows, each times its weight.
void SumRowsPlain(const int16_t* const* rows, const int16_t* weights, int taps, int16_t* to,
                  int count) {
  for (int i = 0; i < count; ++i) {
    int sum = 0;
    for (int tap = 0; tap < taps; ++tap) sum += (((rows[tap][i] * weights[tap]) >> 14) + 1) >> 1;
    to[i] = static_cast<int16_t>(sum);
  }
}

void ReduceRowPlain(const int16_t* from, const Filter& filter, uint8_t* to, int begin, int end) {
  for (int i = begin; i < end; ++i) {
    const int16_t* at = from + filter.first[size_t(i)];
    const int16_t* weight = &filter.weights[size_t(i) * size_t(filter.taps)];
    int sum = 1 << (kReduceShift - 1);
    for (int tap = 0; tap < filter.taps; ++tap) sum += at[tap] * weight[tap];
    to[i] = static_cast<uint8_t>(std::clamp(sum >> kReduceShift, 0, 255));
  }
}

#if defined(__x86_64__)
#define SR_AVX2 __attribute__((target("avx2")))

__m256i* Wide(int16_t* at) { return reinterpret_cast<__m256i*>(at); }
const __m256i* Wide(const int16_t* at) { return reinterpret_cast<const __m256i*>(at); }

SR_AVX2 void WidenAvx2(const uint8_t* from, int16_t* to, int count) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_si256(Wide(to + i), _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), kRingBits));
  }
  WidenPlain(from + i, to + i, count - i);
}

// `count` is a multiple of 2 * kLanes.
SR_AVX2 void SumRowsAvx2(const int16_t* const* rows, const int16_t* weights, int taps, int16_t* to,
                         int count) {
  for (int i = 0; i < count; i += 2 * kLanes) {
    __m256i low = _mm256_setzero_si256();
    __m256i high = low;
    for (int tap = 0; tap < taps; ++tap) {
      const __m256i weight = _mm256_set1_epi16(weights[tap]);
      const int16_t* row = rows[tap] + i;
      low = _mm256_add_epi16(low, _mm256_mulhrs_epi16(_mm256_loadu_si256(Wide(row)), weight));
      high = _mm256_add_epi16(high,
                              _mm256_mulhrs_epi16(_mm256_loadu_si256(Wide(row + kLanes)), weight));
    }
    _mm256_storeu_si256(Wide(to + i), low);
    _mm256_storeu_si256(Wide(to + i + kLanes), high);
  }
}

SR_AVX2 __m256i DotAvx2(const int16_t* from, const int16_t* weights, int taps) {
  __m256i sum = _mm256_setzero_si256();
  for (int tap = 0; tap < taps; tap += kLanes) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256(Wide(from + tap)),
                                                  _mm256_loadu_si256(Wide(weights + tap))));
  }
  return sum;
}

SR_AVX2 void ReduceRowAvx2(const int16_t* from, const Filter& filter, uint8_t* to, int count) {
  const int taps = filter.taps;
  const int* first = filter.first.data();
  const __m128i half = _mm_set1_epi32(1 << (kReduceShift - 1));
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    const int16_t* weights = &filter.weights[size_t(i) * size_t(taps)];
    const __m256i a = DotAvx2(from + first[i], weights, taps);
    const __m256i b = DotAvx2(from + first[i + 1], weights + taps, taps);
    const __m256i c = DotAvx2(from + first[i + 2], weights + 2 * taps, taps);
    const __m256i d = DotAvx2(from + first[i + 3], weights + 3 * taps, taps);
    const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    sums = _mm_srai_epi32(_mm_add_epi32(sums, half), kReduceShift);
    sums = _mm_packs_epi32(sums, sums);
    const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(sums, sums));
    std::memcpy(to + i, &bytes, sizeof bytes);
  }
  ReduceRowPlain(from, filter, to, i, count);
}

#endif

bool HasAvx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

void Widen(const uint8_t* from, int16_t* to, int count, [[maybe_unused]] bool plain) {
#if defined(__x86_64__)
  if (!plain) return WidenAvx2(from, to, count);
#endif
  WidenPlain(from, to, count);
}

void SumRows(const int16_t* const* rows, const int16_t* weights, int taps, int16_t* to, int count,
             [[maybe_unused]] bool plain) {
#if defined(__x86_64__)
  if (!plain) return SumRowsAvx2(rows, weights, taps, to, count);
#endif
  SumRowsPlain(rows, weights, taps, to, count);
}

void ReduceRow(const int16_t* from, const Filter& filter, uint8_t* to, int count,
               [[maybe_unused]] bool plain) {
#if defined(__x86_64__)
  if (!plain) return ReduceRowAvx2(from, filter, to, count);
#endif
  ReduceRowPlain(from, filter, to, 0, count);
}

}  // namespace

Filter::Filter(const AxisMap& map) {
  const double stretch = std::max(map.step, 1.0);
  const double reach = kLobes * stretch;
  const int used = std::min(static_cast<int>(std::ceil(2 * reach)) + 1, map.from);
  taps = RoundUp(used, kLanes);
  first.resize(size_t(map.to));
  last.resize(size_t(map.to));
  weights.assign(size_t(map.to) * size_t(taps), 0);
  std::vector<double> exact(static_cast<size_t>(used));
  for (int i = 0; i < map.to; ++i) {
    const double middle = map.origin + (i + 0.5) * map.step - 0.5;
    const int left = static_cast<int>(std::ceil(middle - reach));
    const int right = static_cast<int>(std::floor(middle + reach));
    const int start = std::clamp(left, 0, map.from - used);
    std::fill(exact.begin(), exact.end(), 0.0);
    for (int k = left; k <= right; ++k) {
      const int place = std::clamp(std::clamp(k, 0, map.from - 1) - start, 0, used - 1);
      exact[size_t(place)] += Lanczos((k - middle) / stretch);
    }
    first[size_t(i)] = start;
    last[size_t(i)] = start + used - 1;
    Quantise(exact, &weights[size_t(i) * size_t(taps)]);
  }
}

PlaneResizer::PlaneResizer(const AxisMap& x, const AxisMap& y, bool plain)
    : x_(x), y_(y), plain_(plain || !HasAvx2()), across_(x), down_(y) {
  // Taps of weight 0 behind the last sample are read, so they must be there.
  row_samples_ = RoundUp(x.from + across_.taps, 2 * kLanes);
  ring_.assign(size_t(row_samples_) * size_t(down_.taps), 0);
  column_.assign(size_t(row_samples_), 0);
  out_.width = x.to;
  out_.height = y.to;
  out_.samples.assign(size_t(x.to) * size_t(y.to), 0);
  rows_.resize(size_t(down_.taps));
}

void PlaneResizer::Push(const uint8_t* row) noexcept {
  if (next_in_ >= y_.from) return;
  Widen(row, &ring_[size_t(next_in_ % down_.taps) * size_t(row_samples_)], x_.from, plain_);
  while (next_out_ < y_.to && down_.last[size_t(next_out_)] <= next_in_) Emit();
  ++next_in_;
}

void PlaneResizer::Emit() noexcept {
  const auto at = static_cast<size_t>(next_out_);
  const int first = down_.first[at];
  const int used = down_.last[at] - first + 1;
  for (int tap = 0; tap < used; ++tap) {
    rows_[size_t(tap)] = &ring_[size_t((first + tap) % down_.taps) * size_t(row_samples_)];
  }
  SumRows(rows_.data(), &down_.weights[at * size_t(down_.taps)], used, column_.data(), row_samples_,
          plain_);
  ReduceRow(column_.data(), across_, &out_.samples[at * size_t(x_.to)], x_.to, plain_);
  ++next_out_;
}

}  // namespace stockroom::imageproc
