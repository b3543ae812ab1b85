#include "tests/unit/imageproc/pictures.h"

#include <cmath>
#include <vector>

#include "services/imageproc/codec/vips_library.h"

namespace stockroom::imageproc::testing {

using vips::VImage;

namespace {

class AllOperationsAllowed {
 public:
  AllOperationsAllowed() {
    vips_operation_block_set("VipsForeignLoad", FALSE);
    vips_operation_block_set("VipsForeignSave", FALSE);
  }
  ~AllOperationsAllowed() { ApplyVipsAllowList(); }
  AllOperationsAllowed(const AllOperationsAllowed&) = delete;
  AllOperationsAllowed& operator=(const AllOperationsAllowed&) = delete;
};

void AppendBigEndian(std::string& out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 255);
}

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
  }
  return ~crc;
}

void AppendChunk(std::string& png, const std::string& type_and_data) {
  AppendBigEndian(png, static_cast<uint32_t>(type_and_data.size() - 4), 4);
  png += type_and_data;
  AppendBigEndian(png, Crc32(type_and_data), 4);
}

}  // namespace

VImage Gradient(int width, int height) {
  const VImage xy = VImage::xyz(width, height);
  const VImage x = xy.extract_band(0);
  const VImage y = xy.extract_band(1);
  const VImage red = x * (255.0 / width);
  const VImage green = y * (255.0 / height);
  const VImage blue = (y > height / 2).ifthenelse(180, 60);
  return red.bandjoin(green)
      .bandjoin(blue)
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .copy_memory();
}

VImage GradientWithAlpha(int width, int height) {
  const VImage alpha = VImage::xyz(width, height).extract_band(0) * (255.0 / width);
  return Gradient(width, height).bandjoin(alpha.cast(VIPS_FORMAT_UCHAR)).copy_memory();
}

std::string Encode(const VImage& image, const std::string& suffix) {
  const AllOperationsAllowed allowed;
  void* data = nullptr;
  size_t size = 0;
  image.write_to_buffer(suffix.c_str(), &data, &size);
  std::string bytes(static_cast<const char*>(data), size);
  g_free(data);
  return bytes;
}

VImage Decode(const std::string& bytes) {
  const AllOperationsAllowed allowed;
  return VImage::new_from_buffer(bytes.data(), bytes.size(), "").copy_memory();
}

VImage DecodeFrames(const std::string& bytes) {
  const AllOperationsAllowed allowed;
  return VImage::new_from_buffer(bytes.data(), bytes.size(), "", VImage::option()->set("n", -1))
      .copy_memory();
}

std::string PngHeader(uint32_t width, uint32_t height) {
  std::string png = "\x89PNG\r\n\x1a\n";
  std::string header = "IHDR";
  AppendBigEndian(header, width, 4);
  AppendBigEndian(header, height, 4);
  header += std::string("\x08\x02\x00\x00\x00", 5);
  AppendChunk(png, header);
  AppendChunk(png, "IDAT" + std::string("\x78\x9c\x03\x00\x00\x00\x00\x01", 8));
  AppendChunk(png, "IEND");
  return png;
}

std::string JpegHeader(int width, int height) {
  // A real small file with the size in its frame header replaced.
  std::string jpeg = Encode(Gradient(16, 16), ".jpg[strip]");
  const size_t frame = jpeg.find("\xff\xc0");
  for (int i = 0; i < 2; ++i) {
    jpeg[frame + 5 + static_cast<size_t>(i)] = static_cast<char>(height >> (8 * (1 - i)) & 255);
    jpeg[frame + 7 + static_cast<size_t>(i)] = static_cast<char>(width >> (8 * (1 - i)) & 255);
  }
  return jpeg;
}

double Psnr(const VImage& a, const VImage& b) {
  if (a.width() != b.width() || a.height() != b.height() || a.bands() != b.bands()) return 0;
  const VImage difference = a.cast(VIPS_FORMAT_FLOAT) - b.cast(VIPS_FORMAT_FLOAT);
  const double mse = (difference * difference).avg();
  return mse == 0 ? 99 : 10 * std::log10(255.0 * 255.0 / mse);
}

Pixels ReferencePixels(int width, int height, bool with_alpha) {
  Pixels pixels{.width = width, .height = height, .rgba = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      pixels.rgba.push_back(static_cast<uint8_t>(x * 255 / (width - 1)));
      pixels.rgba.push_back(static_cast<uint8_t>(y * 255 / (height - 1)));
      pixels.rgba.push_back(static_cast<uint8_t>((x * 7 + y * 13) % 256));
      pixels.rgba.push_back(with_alpha ? static_cast<uint8_t>((x + y) * 255 / (width + height - 2))
                                       : 255);
    }
  }
  return pixels;
}

}  // namespace stockroom::imageproc::testing
