#include <zlib.h>

#include <cstdint>

#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

void AppendBigEndian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void AppendChunk(std::string& out, const std::string& type, const std::string& data) {
  AppendBigEndian(out, static_cast<uint32_t>(data.size()));
  const std::string body = type + data;
  out += body;
  AppendBigEndian(out, static_cast<uint32_t>(
                           crc32(0, reinterpret_cast<const Bytef*>(body.data()), body.size())));
}

}  // namespace

std::string MakePng(int width, int height, uint32_t seed) {
  std::string rows;
  for (int y = 0; y < height; ++y) {
    rows.push_back(0);  // no filter
    for (int x = 0; x < width; ++x) {
      rows.push_back(static_cast<char>(x * 255 / width ^ (seed & 0xFF)));
      rows.push_back(static_cast<char>(y * 255 / height ^ (seed >> 8 & 0xFF)));
      rows.push_back(static_cast<char>((x + y + static_cast<int>(seed)) & 0xFF));
    }
  }
  std::string packed(compressBound(rows.size()), '\0');
  uLongf size = packed.size();
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(rows.data()), rows.size(), 1);
  packed.resize(size);

  std::string png("\x89PNG\r\n\x1A\n", 8);
  std::string header;
  AppendBigEndian(header, static_cast<uint32_t>(width));
  AppendBigEndian(header, static_cast<uint32_t>(height));
  header += std::string("\x08\x02\0\0\0", 5);  // 8 bits, RGB
  AppendChunk(png, "IHDR", header);
  // The colours of some seeds are alike; the files never are.
  AppendChunk(png, "tEXt", std::string("Comment\0", 8) + std::to_string(seed));
  AppendChunk(png, "IDAT", packed);
  AppendChunk(png, "IEND", "");
  return png;
}

}  // namespace stockroom::testing
