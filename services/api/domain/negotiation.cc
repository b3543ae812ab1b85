#include "services/api/domain/negotiation.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace stockroom::api {
namespace {

// Widths that hints lead to, about a third more each: who asks for one in between downloads at most
// 80 % more pixels than needed, and nobody can have a picture made in every width there is.
constexpr int kWidths[] = {160, 240, 320, 480, 640, 800, 960, 1280, 1600, 1920, 2560, 3200, 3840};
constexpr double kScales[] = {1, 1.5, 2, 3, 4};
constexpr int kSaveDataQuality = 50;

template <typename T, typename Steps>
T RoundedUp(T value, const Steps& steps) {
  const auto step = std::lower_bound(std::begin(steps), std::end(steps), value);
  return step == std::end(steps) ? *std::prev(step) : *step;
}

}  // namespace

ImageFormat ChooseFormat(const Preferences& preferences, const PictureKind& kind, bool offer_avif) {
  ImageFormat best = kind.animated    ? ImageFormat::kGif
                     : kind.has_alpha ? ImageFormat::kPng
                                      : ImageFormat::kJpeg;
  int liked = kind.animated ? preferences.gif : kind.has_alpha ? preferences.png : preferences.jpeg;
  if (preferences.webp > 0 && preferences.webp >= liked) {
    best = ImageFormat::kWebp;
    liked = preferences.webp;
  }
  // AVIF would keep the first frame only.
  if (offer_avif && !kind.animated && preferences.avif > 0 && preferences.avif >= liked) {
    best = ImageFormat::kAvif;
    liked = preferences.avif;
  }
  if (liked == 0 && preferences.png > 0) return ImageFormat::kPng;
  return best;
}

Recipe AsHinted(Recipe recipe, const Preferences& preferences) {
  if (preferences.save_data) recipe.quality = std::min(recipe.quality, kSaveDataQuality);
  const double density = preferences.dpr > 0 ? RoundedUp(preferences.dpr, kScales) : 1;
  double scale = density;
  if (recipe.width > 0) {
    if (preferences.width > 0) {
      scale = static_cast<double>(RoundedUp(preferences.width, kWidths)) / recipe.width;
    } else if (preferences.viewport_width > 0) {
      // No picture is shown wider than the page.
      const int most = RoundedUp(static_cast<int>(preferences.viewport_width * density), kWidths);
      scale = std::min(scale, static_cast<double>(most) / recipe.width);
    }
  }
  return scale == 1 ? recipe : Scaled(std::move(recipe), scale);
}

}  // namespace stockroom::api
