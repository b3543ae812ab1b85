#include "services/imageproc/codec/resize.h"

namespace stockroom::imageproc {

using vips::VImage;

VImage ResizedTo(VImage image, Size size) {
  if (image.width() == size.width && image.height() == size.height) return image;
  const double scale = static_cast<double>(size.width) / image.width();
  auto* options =
      VImage::option()->set("vscale", static_cast<double>(size.height) / image.height());
  if (!image.has_alpha()) return image.resize(scale, options);
  const VipsBandFormat format = image.format();
  return image.premultiply().cast(format).resize(scale, options).unpremultiply().cast(format);
}

VImage CutTo(VImage image, Rect area) {
  if (area == Rect{0, 0, image.width(), image.height()}) return image;
  return image.extract_area(area.left, area.top, area.width, area.height);
}

VImage Turned(VImage image, Turn turn) {
  if (turn.is_nothing()) return image;
  if (turn.quarters != 0) image = image.copy_memory();
  if (turn.mirrored) image = image.flip(VIPS_DIRECTION_HORIZONTAL);
  switch (turn.quarters) {
    case 1:
      return image.rot90();
    case 2:
      return image.rot180();
    case 3:
      return image.rot270();
    default:
      return image;
  }
}

}  // namespace stockroom::imageproc
