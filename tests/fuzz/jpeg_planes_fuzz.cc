// JPEG files, resized in planes: whatever the bytes are, an error or a picture of the wanted size
// that libjpeg takes for whole.
#include "services/imageproc/codec/jpeg_planes.h"
#include "tests/fuzz/split.h"
#include "tests/fuzz/target.h"
#include "tests/unit/imageproc/jpegs.h"

namespace {

using stockroom::Size;
using stockroom::fuzz::Require;
using stockroom::imageproc::ChromaLayout;
using stockroom::imageproc::testing::JpegKind;

// Larger ones only cost time.
constexpr int64_t kMaxPixels = 1 << 20;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view jpeg(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto facts = stockroom::imageproc::ReadJpegFacts(jpeg);
  if (!facts.ok()) return 0;
  Require(facts->size.width > 0 && facts->size.height > 0, "a picture without pixels");
  if (int64_t{facts->size.width} * facts->size.height > kMaxPixels) return 0;
  const Size target{1 + data[0] * facts->size.width / 256, 1 + data[1] * facts->size.height / 256};
  (void)stockroom::imageproc::DecodePlanes(jpeg, target, ChromaLayout::kFull);
  const auto small = stockroom::imageproc::ResizeJpeg(jpeg, target, {});
  if (!small.ok()) return 0;
  const auto planes = stockroom::imageproc::testing::ReadRawPlanes(*small);
  Require(!planes.empty(), "a JPEG that is not whole");
  Require(planes[0].width == target.width && planes[0].height == target.height, "another size");
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds;
  for (const JpegKind& kind :
       {JpegKind{}, JpegKind{.width = 33, .height = 17, .noise = true},
        JpegKind{.progressive = true}, JpegKind{.horizontal = 1, .vertical = 1},
        JpegKind{.horizontal = 2, .vertical = 1}, JpegKind{.colors = JpegKind::Colors::kGrey},
        JpegKind{.colors = JpegKind::Colors::kCmyk}, JpegKind{.restart_interval = 2, .noise = true},
        JpegKind{.quality = 100, .optimize = true}}) {
    seeds.push_back("\x60\x90" + stockroom::imageproc::testing::MakeJpeg(kind));
  }
  return seeds;
}
