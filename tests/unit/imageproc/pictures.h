// Small pictures made on the spot, in every format that is read.
#pragma once

#include <string>
#include <vips/vips8>

#include "services/imageproc/core/picture.h"

namespace stockroom::imageproc::testing {

// Red grows to the right, green downwards, blue is a pattern; no two orientations look alike.
vips::VImage Gradient(int width, int height);
// The same with an alpha that grows to the right.
vips::VImage GradientWithAlpha(int width, int height);

// Encodes with any saver of libvips, whatever is blocked; the block is back afterwards. `suffix` as
// in ".jpg[Q=90]".
std::string Encode(const vips::VImage& image, const std::string& suffix);

// A still PNG header that promises width x height 8-bit RGB pixels, with next to no data.
std::string PngHeader(uint32_t width, uint32_t height);
// A JPEG's start up to the frame header of that size.
std::string JpegHeader(int width, int height);

// Decodes with everything allowed.
vips::VImage Decode(const std::string& bytes);

// All frames, one below the other.
vips::VImage DecodeFrames(const std::string& bytes);

// Peak signal-to-noise ratio in dB over all bands of two 8-bit pictures of the same shape; 0 if the
// shapes differ. 30 is "nearly the same", 20 "recognisably the same".
double Psnr(const vips::VImage& a, const vips::VImage& b);

// width x height of RGBA with channels x*255/(w-1), y*255/(h-1), (7x+13y)%256 and
// (x+y)*255/(w+h-2) or 255: the picture that the reference hashes were made of.
Pixels ReferencePixels(int width, int height, bool with_alpha);

}  // namespace stockroom::imageproc::testing
