#include "services/imageproc/codec/jpeg_rgb.h"

#include <algorithm>
#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stockroom::imageproc {
namespace {

// Of 32768. Red is y + cr + 0.402 cr, blue y + 2 cb - 0.228 cb; green's two parts are summed with
// kGreenBits more bits before they are rounded.
constexpr int kRedOfCr = 13173;
constexpr int kBlueOfCb = 7471;
constexpr int kGreenOfCb = 11277;
constexpr int kGreenOfCr = 23401;
constexpr int kGreenBits = 6;

// As the vector instruction multiplies.
int Part(int value, int weight) { return (value * weight + (1 << 14)) >> 15; }

uint8_t Clamped(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

void RowPlain(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, uint8_t* to, int begin,
              int end) {
  for (int i = begin; i < end; ++i) {
    const int luma = y[i];
    const int blue = cb[i] - 128;
    const int red = cr[i] - 128;
    const int green =
        Part(blue * (1 << kGreenBits), kGreenOfCb) + Part(red * (1 << kGreenBits), kGreenOfCr);
    to[3 * i] = Clamped(luma + red + Part(red, kRedOfCr));
    to[3 * i + 1] = Clamped(luma - ((green + (1 << (kGreenBits - 1))) >> kGreenBits));
    to[3 * i + 2] = Clamped(luma + 2 * blue - Part(blue, kBlueOfCb));
  }
}

#if defined(__x86_64__)
#define SR_AVX2 __attribute__((target("avx2")))
constexpr int kLanes = 16;

// For each of three registers of the result and each colour: where its bytes come from; -1: from
// another colour.
struct Weave {
  Weave() {
    for (int at = 0; at < 3 * kLanes; ++at) {
      for (int color = 0; color < 3; ++color) {
        from[at / kLanes][color][at % kLanes] = static_cast<int8_t>(at % 3 == color ? at / 3 : -1);
      }
    }
  }
  alignas(16) int8_t from[3][3][kLanes];
};
const Weave kWeave;

SR_AVX2 inline __m256i Widened(const uint8_t* at) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

SR_AVX2 inline __m128i Narrowed(__m256i values) {
  return _mm_packus_epi16(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
}

SR_AVX2 inline __m256i PartAvx2(__m256i values, int weight) {
  return _mm256_mulhrs_epi16(values, _mm256_set1_epi16(static_cast<int16_t>(weight)));
}

SR_AVX2 void StoreWoven(__m128i red, __m128i green, __m128i blue, uint8_t* to) {
  for (int part = 0; part < 3; ++part) {
    const auto taken = [&](__m128i color, int index) SR_AVX2 {
      return _mm_shuffle_epi8(
          color, _mm_load_si128(reinterpret_cast<const __m128i*>(kWeave.from[part][index])));
    };
    const __m128i woven =
        _mm_or_si128(_mm_or_si128(taken(red, 0), taken(green, 1)), taken(blue, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + part * kLanes), woven);
  }
}

SR_AVX2 void RowAvx2(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, uint8_t* to,
                     int count) {
  const __m256i middle = _mm256_set1_epi16(128);
  const __m256i half = _mm256_set1_epi16(1 << (kGreenBits - 1));
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m256i luma = Widened(y + i);
    const __m256i blue = _mm256_sub_epi16(Widened(cb + i), middle);
    const __m256i red = _mm256_sub_epi16(Widened(cr + i), middle);
    const __m256i green =
        _mm256_add_epi16(PartAvx2(_mm256_slli_epi16(blue, kGreenBits), kGreenOfCb),
                         PartAvx2(_mm256_slli_epi16(red, kGreenBits), kGreenOfCr));
    const __m256i r = _mm256_add_epi16(luma, _mm256_add_epi16(red, PartAvx2(red, kRedOfCr)));
    const __m256i g =
        _mm256_sub_epi16(luma, _mm256_srai_epi16(_mm256_add_epi16(green, half), kGreenBits));
    const __m256i b = _mm256_add_epi16(
        luma, _mm256_sub_epi16(_mm256_add_epi16(blue, blue), PartAvx2(blue, kBlueOfCb)));
    StoreWoven(Narrowed(r), Narrowed(g), Narrowed(b), to + 3 * i);
  }
  RowPlain(y, cb, cr, to, i, count);
}
#endif

void Row(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, uint8_t* to, int count,
         [[maybe_unused]] bool plain) {
#if defined(__x86_64__)
  if (!plain && __builtin_cpu_supports("avx2")) return RowAvx2(y, cb, cr, to, count);
#endif
  RowPlain(y, cb, cr, to, 0, count);
}

}  // namespace

std::vector<uint8_t> ToRgb(const PlanarPicture& picture, bool plain) {
  const auto width = static_cast<size_t>(picture.size.width);
  const auto height = static_cast<size_t>(picture.size.height);
  std::vector<uint8_t> rgb(3 * width * height);
  for (int y = 0; y < picture.size.height; ++y) {
    Row(picture.planes[0].row(y), picture.planes[1].row(y), picture.planes[2].row(y),
        &rgb[3 * width * size_t(y)], picture.size.width, plain);
  }
  return rgb;
}

}  // namespace stockroom::imageproc
