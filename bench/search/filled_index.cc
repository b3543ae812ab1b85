#include "bench/search/filled_index.h"

#include <algorithm>
#include <vector>

#include "bench/search/measure.h"
#include "services/api/handlers/wire_image.h"

namespace stockroom::bench {
namespace {

constexpr uint64_t kBatch = 10'000;

api::Image Lean(api::Image image) {
  image.renditions.clear();
  for (const char* name : {"blurhash", "sharpness", "smart_crop"}) image.analysis.erase(name);
  return image;
}

}  // namespace

api::MemorySearchIndex::Options IndexOptions(const std::string& folder) {
  api::MemorySearchIndex::Options options;
  options.documents.folder = folder;
  options.encoder = {.basic = api::BasicWireOf, .rest = api::AnalysisWireOf};
  options.encoder_version = api::kWireVersion;
  options.catalogue_id = "benchmark";
  return options;
}

FilledIndex::FilledIndex(const testing::Catalogue& catalogue, uint64_t images, const How& how)
    : images_(images) {
  const uint64_t before = OwnMemory();
  auto opened = api::MemorySearchIndex::Open(IndexOptions(how.folder), metrics_);
  Check(opened.status(), "opening an index");
  index_ = *std::move(opened);
  index_->BeginLoading();
  for (uint64_t begin = 0; begin < images; begin += kBatch) {
    std::vector<api::Image> batch;
    for (uint64_t i = begin; i < std::min(images, begin + kBatch); ++i) {
      batch.push_back(how.lean ? Lean(catalogue.At(i)) : catalogue.At(i));
    }
    const auto start = SteadyClock::now();
    index_->Apply(std::move(batch), {});
    fill_seconds_ += MicrosSince(start) / 1e6;
  }
  const auto start = SteadyClock::now();
  index_->EndLoading();
  index_->Settle();
  fill_seconds_ += MicrosSince(start) / 1e6;
  own_memory_ = OwnMemory() - before;
}

}  // namespace stockroom::bench
