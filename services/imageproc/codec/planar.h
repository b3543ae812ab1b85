// Where JPEG planes and libvips meet. Only for the .cc files of this folder: it shows libvips'
// types. Both give nothing where planes do not serve: another format, a colour profile that counts,
// an unusual kind of JPEG, a result that is larger or very large, a file that is damaged. libvips
// then does it, or says what is wrong.
#pragma once

#include <optional>
#include <string>
#include <vips/vips8>

#include "services/common/recipe/geometry.h"
#include "services/imageproc/codec/source_image.h"

namespace stockroom::imageproc {

// The whole picture as it lies, `size` large, sRGB or grey, in memory.
std::optional<vips::VImage> LoadInPlanes(const SourceImage& file, Size size);

// The same as a JPEG without metadata.
std::optional<std::string> ResizeInPlanes(const SourceImage& file, Size size, int quality);

}  // namespace stockroom::imageproc
