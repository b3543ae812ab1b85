#include "services/api/search/similar/pdq_scan.h"

#include <array>
#include <atomic>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stockroom::api {
namespace {

using Found = absl::FunctionRef<void(Doc, int)>;
using Kernel = void (*)(const PdqColumn&, Doc, Doc, const PdqWords&, int, Found);

// Two words reject nearly everything: hashes that have nothing to do with one another differ in 64
// of 128 bits, give or take 6, and the radius is 31. One word would reject about half of them.
constexpr int kFirst = 2;

void CompareOne(const PdqColumn& column, Doc doc, const PdqWords& target, int radius, Found found) {
  int distance = 0;
  for (int w = 0; w < kFirst; ++w)
    distance += __builtin_popcountll(column.words[w][doc] ^ target[w]);
  if (distance > radius) return;
  for (int w = kFirst; w < 4; ++w)
    distance += __builtin_popcountll(column.words[w][doc] ^ target[w]);
  if (distance <= radius) found(doc, distance);
}

void ScanPortable(const PdqColumn& column, Doc begin, Doc end, const PdqWords& target, int radius,
                  Found found) {
  for (Doc doc = begin; doc < end; ++doc) CompareOne(column, doc, target, radius, found);
}

#if defined(__x86_64__)

#define SR_AVX512 __attribute__((target("avx512f,avx512vpopcntdq,popcnt")))
#define SR_AVX2 __attribute__((target("avx2,popcnt")))

// Calls `found` for the documents from `doc` on whose bits are set in `lanes`.
void Report(uint32_t lanes, Doc doc, const uint64_t* distances, Found found) {
  for (; lanes != 0; lanes &= lanes - 1) {
    const int lane = __builtin_ctz(lanes);
    found(doc + static_cast<Doc>(lane), static_cast<int>(distances[lane]));
  }
}

SR_AVX512 inline __m512i Differing512(const uint64_t* words, __m512i target) {
  return _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(words), target));
}

SR_AVX512 void ScanAvx512(const PdqColumn& column, Doc begin, Doc end, const PdqWords& target,
                          int radius, Found found) {
  constexpr Doc kLanes = 8;
  constexpr Doc kStep = 4 * kLanes;  // one branch for so many
  __m512i targets[4];
  for (int w = 0; w < 4; ++w) targets[w] = _mm512_set1_epi64(static_cast<int64_t>(target[w]));
  const __m512i most = _mm512_set1_epi64(radius);
  Doc doc = begin;
  for (; end - doc >= kStep; doc += kStep) {
    __m512i first[4];
    uint32_t near = 0;
    for (Doc i = 0; i < 4; ++i) {
      const Doc at = doc + i * kLanes;
      first[i] = _mm512_add_epi64(Differing512(column.words[0] + at, targets[0]),
                                  Differing512(column.words[1] + at, targets[1]));
      near |= static_cast<uint32_t>(_mm512_cmple_epu64_mask(first[i], most)) << (i * kLanes);
    }
    if (near == 0) [[likely]]
      continue;
    for (Doc i = 0; i < 4; ++i) {
      if ((near >> (i * kLanes) & 0xff) == 0) continue;
      const Doc at = doc + i * kLanes;
      const __m512i all = _mm512_add_epi64(
          first[i], _mm512_add_epi64(Differing512(column.words[2] + at, targets[2]),
                                     Differing512(column.words[3] + at, targets[3])));
      alignas(64) uint64_t distances[kLanes];
      _mm512_store_si512(distances, all);
      Report(_mm512_cmple_epu64_mask(all, most), at, distances, found);
    }
  }
  ScanPortable(column, doc, end, target, radius, found);
}

// Ones of each 64-bit lane: by halves of bytes out of a table, then summed up.
SR_AVX2 inline __m256i Differing256(const uint64_t* words, __m256i target) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i half = _mm256_set1_epi8(15);
  const __m256i bits =
      _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)), target);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, half));
  const __m256i high =
      _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), half));
  return _mm256_add_epi8(low, high);
}

SR_AVX2 inline __m256i Sum256(__m256i bytes) {
  return _mm256_sad_epu8(bytes, _mm256_setzero_si256());
}

SR_AVX2 void ScanAvx2(const PdqColumn& column, Doc begin, Doc end, const PdqWords& target,
                      int radius, Found found) {
  constexpr Doc kLanes = 4;
  __m256i targets[4];
  for (int w = 0; w < 4; ++w) targets[w] = _mm256_set1_epi64x(static_cast<int64_t>(target[w]));
  const __m256i more = _mm256_set1_epi64x(radius + 1);
  const auto lanes_of = [&](__m256i distances) SR_AVX2 {
    return static_cast<uint32_t>(
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(more, distances))));
  };
  Doc doc = begin;
  for (; end - doc >= kLanes; doc += kLanes) {
    const __m256i first = Sum256(_mm256_add_epi8(Differing256(column.words[0] + doc, targets[0]),
                                                 Differing256(column.words[1] + doc, targets[1])));
    if (lanes_of(first) == 0) [[likely]]
      continue;
    const __m256i rest = Sum256(_mm256_add_epi8(Differing256(column.words[2] + doc, targets[2]),
                                                Differing256(column.words[3] + doc, targets[3])));
    const __m256i all = _mm256_add_epi64(first, rest);
    alignas(32) uint64_t distances[kLanes];
    _mm256_store_si256(reinterpret_cast<__m256i*>(distances), all);
    Report(lanes_of(all), doc, distances, found);
  }
  ScanPortable(column, doc, end, target, radius, found);
}

#endif

struct Named {
  std::string_view name;
  Kernel kernel;
  bool here;
};

// What this machine has, the fastest first.
std::array<Named, 3> Kernels() {
  return {{
#if defined(__x86_64__)
      {"avx512", ScanAvx512,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq")},
      {"avx2", ScanAvx2, static_cast<bool>(__builtin_cpu_supports("avx2"))},
#else
      {"avx512", nullptr, false},
      {"avx2", nullptr, false},
#endif
      {"portable", ScanPortable, true},
  }};
}

std::atomic<Kernel>& Chosen() {
  static std::atomic<Kernel> chosen = [] {
    for (const Named& kernel : Kernels()) {
      if (kernel.here) return kernel.kernel;
    }
    return Kernel(ScanPortable);
  }();
  return chosen;
}

}  // namespace

void ScanPdq(const PdqColumn& column, Doc begin, Doc end, const PdqWords& target, int radius,
             absl::FunctionRef<void(Doc, int)> found) {
  if (begin >= end || radius < 0) return;
  Chosen().load(std::memory_order_relaxed)(column, begin, end, target, radius, found);
}

bool UsePdqKernel(const char* name) {
  for (const Named& kernel : Kernels()) {
    if (kernel.name != name || !kernel.here) continue;
    Chosen().store(kernel.kernel, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace stockroom::api
