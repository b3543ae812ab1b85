#include "bench/common/decoders.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace stockroom::bench {
namespace {

constexpr int64_t kMaxPixels = 100'000'000;

template <typename T>
T OrEnd(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "decoder: %s\n", result.status().ToString().c_str());
  std::exit(1);
}

void AddRecipe(internal::DecodeRequest& request, const std::string& recipe) {
  internal::NamedRecipe& preset = *request.add_presets();
  preset.set_preset(absl::StrCat("p", request.presets_size()));
  preset.set_recipe(recipe);
}

}  // namespace

Decoders::Decoders(int at_once)
    : pool_(OrEnd(imageproc::DecoderPool::Start(
          {.programs = imageproc::UsualDecoderPrograms("", 2, "", 0), .concurrent = at_once},
          metrics_))) {}

imageproc::DecodedImage Decoders::Decode(const internal::DecodeRequest& request,
                                         std::string_view bytes, bool own_rung) {
  return OrEnd(pool_->Decode(CallContext::WithTimeout(absl::Minutes(1)), request,
                             {.source = bytes, .watermarks = {}, .own_rung = own_rung}));
}

imageproc::DecodedImage Decoders::Ingest(std::string_view photo) {
  internal::DecodeRequest request;
  request.set_max_pixels(kMaxPixels);
  request.set_analyse(true);
  request.add_ladder(kRungSide);
  for (const int side : kThumbSides) {
    AddRecipe(request, absl::StrCat("fit=", side, "x", side, "/format=jpeg/q=", kThumbQuality));
  }
  imageproc::DecodedImage made = Decode(request, photo, false);
  if (made.rungs.size() != 1) OrEnd<int>(absl::InternalError("a photograph without a rung"));
  return made;
}

std::string Decoders::OfOriginal(std::string_view photo, const std::string& recipe) {
  internal::DecodeRequest request;
  request.set_max_pixels(kMaxPixels);
  AddRecipe(request, recipe);
  return Decode(request, photo, false).renditions.at(0);
}

std::string Decoders::OfRung(std::string_view rung, int width, int height,
                             const std::string& recipe) {
  internal::DecodeRequest request;
  request.set_max_pixels(kMaxPixels);
  request.set_original_width(width);
  request.set_original_height(height);
  AddRecipe(request, recipe);
  return Decode(request, rung, true).renditions.at(0);
}

}  // namespace stockroom::bench
