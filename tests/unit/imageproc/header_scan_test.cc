#include "services/imageproc/codec/header_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom::imageproc {
namespace {

using std::string_literals::operator""s;

std::string Big(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string Little(uint32_t value, int bytes) {
  const std::string big = Big(value, bytes);
  return {big.rbegin(), big.rend()};
}

std::string Segment(char marker, const std::string& data) {
  return std::string("\xff") + marker + Big(static_cast<uint32_t>(data.size() + 2), 2) + data;
}

std::string Frame(char marker, int width, int height) {
  return Segment(marker, "\x08" + Big(static_cast<uint32_t>(height), 2) +
                             Big(static_cast<uint32_t>(width), 2) + "\x01\x01\x11\x00"s);
}

const std::string kSoi = "\xff\xd8";
const std::string kScan = Segment('\xda', "\x01\x01\x00\x00\x3f\x00"s) +
                          "ab\xff\x00"
                          "cd\xff\xd1z"s;

std::string Chunk(const std::string& type, const std::string& data) {
  return Big(static_cast<uint32_t>(data.size()), 4) + type + data + "crc!";
}

TEST(HeaderScan, CountsTheScansOfAJpeg) {
  const auto baseline =
      ScanHeader(kSoi + Frame('\xc0', 640, 480) + kScan + "\xff\xd9", MediaKind::kJpeg);
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  EXPECT_EQ(baseline->width, 640);
  EXPECT_EQ(baseline->height, 480);
  EXPECT_EQ(baseline->scans, 1);
  EXPECT_FALSE(baseline->progressive);

  std::string many = kSoi + Frame('\xc2', 9, 7);
  for (int i = 0; i < 500; ++i) many += kScan;
  const auto progressive = ScanHeader(many + "\xff\xd9" + kScan, MediaKind::kJpeg);
  ASSERT_TRUE(progressive.ok());
  EXPECT_TRUE(progressive->progressive);
  EXPECT_EQ(progressive->scans, 500) << "what follows the end does not count";
}

TEST(HeaderScan, MeasuresMetadataWithoutReadingIt) {
  std::string jpeg = kSoi;
  for (int i = 0; i < 3; ++i) {
    jpeg += Segment('\xe2', "ICC_PROFILE\0"s + std::string(60'000, 'i'));
    jpeg += Segment('\xe1', "Exif\0\0"s + std::string(50'000, 'e'));
  }
  const auto scan = ScanHeader(jpeg + Frame('\xc0', 1, 1) + kScan, MediaKind::kJpeg);
  ASSERT_TRUE(scan.ok());
  EXPECT_EQ(scan->icc_bytes, 3 * 60'012);
  EXPECT_EQ(scan->exif_bytes, 3 * 50'006);
}

TEST(HeaderScan, RefusesAJpegThatContradictsItself) {
  for (const std::string& jpeg : {kSoi, kSoi + "\xff\xd9", kSoi + kScan, kSoi + Frame('\xc0', 0, 9),
                                  kSoi + Frame('\xc0', 8, 8) + Frame('\xc0', 9000, 9000) + kScan,
                                  kSoi + "\xff\xe1" + Big(1, 2)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ScanHeader(jpeg, MediaKind::kJpeg).status()));
  }
}

TEST(HeaderScan, ReadsPngHeaders) {
  const std::string signature = "\x89PNG\r\n\x1a\n";
  const auto header = [](int width, int height, char interlace) {
    return Chunk("IHDR", Big(static_cast<uint32_t>(width), 4) +
                             Big(static_cast<uint32_t>(height), 4) + "\x08\x02\x00\x00"s +
                             interlace);
  };
  const auto png =
      ScanHeader(signature + header(70'000, 3, 1) + Chunk("iCCP", "12345") + Chunk("IEND", ""),
                 MediaKind::kPng);
  ASSERT_TRUE(png.ok()) << png.status();
  EXPECT_EQ(png->width, 70'000);
  EXPECT_EQ(png->height, 3);
  EXPECT_TRUE(png->progressive);
  EXPECT_EQ(png->icc_bytes, 5);
  EXPECT_FALSE(ScanHeader(signature + Chunk("IDAT", "x"), MediaKind::kPng).ok());
  EXPECT_FALSE(ScanHeader(signature, MediaKind::kPng).ok());
  EXPECT_FALSE(
      ScanHeader(signature + header(1, 1, 0) + header(9999, 9999, 0), MediaKind::kPng).ok());
}

TEST(HeaderScan, CountsTheFramesOfAnAnimation) {
  std::string gif = "GIF89a" + Little(20, 2) + Little(10, 2) + "\x80\0\0"s + std::string(6, 'c');
  for (int i = 0; i < 40; ++i) {
    gif += "\x21\xf9\x04----\0"s;
    gif += "," + Little(15, 2) + Little(0, 2) + Little(30, 2) + Little(5, 2) + "\0\x02\x01z\0"s;
  }
  const auto scan = ScanHeader(gif + ";", MediaKind::kGif);
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(scan->frames, 40);
  EXPECT_EQ(scan->width, 45) << "a frame may be larger than the screen";
  EXPECT_EQ(scan->height, 10);
  EXPECT_FALSE(ScanHeader("GIF89a" + std::string(7, '\0') + ";", MediaKind::kGif).ok());

  std::string webp =
      "RIFF----WEBP"
      "VP8X" +
      Little(10, 4) + "\x02\0\0\0"s + Little(299, 3) + Little(199, 3);
  for (int i = 0; i < 7; ++i) webp += "ANMF" + Little(3, 4) + "abc" + "\0"s;
  const auto animated = ScanHeader(webp, MediaKind::kWebp);
  ASSERT_TRUE(animated.ok()) << animated.status();
  EXPECT_EQ(animated->frames, 7);
  EXPECT_EQ(animated->width, 300);
  EXPECT_EQ(animated->height, 200);
}

}  // namespace
}  // namespace stockroom::imageproc
