// store_bench [DOCUMENTS] [FOLDER]: the codec, the document store and checkpoints. Minima of
// several rounds.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "services/api/search/store/checkpoint.h"
#include "services/api/search/store/content_hash.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/ids.h"

namespace stockroom::api {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of this thread's own work: other programs on the machine count less.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Processor seconds for one of `times` calls, the least of seven rounds.
template <typename F>
double Least(int times, F&& work) {
  double least = 1e9;
  for (int round = 0; round < 7; ++round) {
    const double start = CpuSeconds();
    for (int i = 0; i < times; ++i) work(i);
    least = std::min(least, (CpuSeconds() - start) / times);
  }
  return least;
}

// A document of about 1.5 KB, as of a picture that was only uploaded.
void MeasureSmallDocuments(int count) {
  Metrics metrics;
  const auto store = DocumentStore::Open({}, metrics);
  const Image image{.id = NewUuidV7(absl::Now()), .owner = "ann", .filename = "IMG_1234.jpg"};
  const IndexedDocument document{.words = std::string(250, 'w'),
                                 .description = std::string(60, 'd')};
  const WireImage wire{.basic = std::string(400, 'b'), .rest = std::string(500, 'r')};
  const double start = CpuSeconds();
  for (int n = 0; n < count; ++n) {
    const NewDocument added{image, document, wire};
    if (!(*store)->Append({&added, 1})[0].ok()) return;
  }
  std::printf("append_small_per_s %.0f (%.0f bytes each)\n", count / (CpuSeconds() - start),
              static_cast<double>((*store)->usage().bytes) / count);
}

// As a photo looks after analysis: about 1.5 KB of JSON, fifteen tags, four renditions.
Image Photo(int n) {
  Image image{.id = NewUuidV7(absl::FromUnixMillis(1'700'000'000'000 + n)),
              .owner = "user-" + std::to_string(n % 1000),
              .filename = "IMG_" + std::to_string(n) + ".jpg",
              .state = ImageState::kReady};
  image.described = {.title = "Red fox in the snow " + std::to_string(n),
                     .description = "A red fox walks over fresh snow at dawn, near the old mill",
                     .license = "CC-BY-4.0",
                     .attributes = {{"dataset", "foxes"}}};
  for (int t = 0; t < 15; ++t) image.described.tags.push_back("tag" + std::to_string(n * t % 997));
  image.sha256 = Digest::Of(image.id);
  image.md5 = std::string(16, static_cast<char>(n));
  image.size_bytes = 4'000'000 + n;
  image.facts = {.width = 6000, .height = 4000, .format = "jpeg", .media_type = "image/jpeg"};
  const std::string numbers = "0.123,0.456,0.789,0.321,0.654,0.987,";
  std::string json;
  for (int i = 0; i < 8; ++i) json += numbers;
  for (const char* processor : {"facts", "palette", "pdq", "thumbhash", "sharpness"}) {
    image.analysis[processor] = "{\"values\":[" + json + "0]}";
  }
  for (const char* preset : {"thumb-320", "card-640", "page-1280", "large-2560"}) {
    image.renditions.push_back({.preset = preset,
                                .recipe = "fit=1280x0/format=webp/q=80",
                                .key = "0123456789abcdef0123456789abcdef",
                                .format = "webp",
                                .media_type = "image/webp",
                                .width = 1280,
                                .height = 853,
                                .size_bytes = 88'000,
                                .sha256 = image.sha256});
  }
  image.create_time = absl::FromUnixMicros(1'700'000'000'000'000 + n);
  image.update_time = image.create_time + absl::Seconds(3);
  image.revision = 4;
  return image;
}

void MeasureCodec() {
  const Image image = Photo(1);
  const std::string bytes = EncodeImage(image);
  size_t sum = 0;
  std::printf("image_bytes %zu\n", bytes.size());
  std::printf("encode_us %.2f\n",
              1e6 * Least(20'000, [&](int) { sum += EncodeImage(image).size(); }));
  std::printf("decode_us %.2f\n",
              1e6 * Least(20'000, [&](int) { sum += DecodeImage(bytes)->md5.size(); }));
  std::printf("content_hash_us %.2f\n",
              1e6 * Least(20'000, [&](int) { sum += ContentHashOfEncoded(bytes); }));
  const std::string block(1 << 20, 'x');
  std::printf("crc_gb_per_s %.1f\n", 1e-9 * static_cast<double>(block.size()) /
                                         Least(100, [&](int) { sum += Crc32c(block); }));
  std::printf("crc_portable_gb_per_s %.1f (%zu)\n",
              1e-9 * static_cast<double>(block.size()) /
                  Least(20, [&](int) { sum += PortableCrc32c(block); }),
              sum % 10);
}

int MeasureStore(int count, const std::string& folder) {
  Metrics metrics;
  Checkpoint checkpoint;
  std::vector<Locator> locators;
  {
    auto opened = DocumentStore::Open({.folder = folder}, metrics);
    if (!opened.ok()) return std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    DocumentStore& store = **opened;
    if (!folder.empty()) store.Adopt({}, false).IgnoreError();
    std::vector<Image> images;
    for (int n = 0; n < 2000; ++n) images.push_back(Photo(n));
    const IndexedDocument document{.words = std::string(250, 'w'),
                                   .description = std::string(60, 'd')};
    const WireImage wire{.basic = std::string(400, 'b'), .rest = std::string(1000, 'r')};
    double start = CpuSeconds();
    // As many at a time as the index does.
    constexpr int kAtOnce = 32;
    count = count / kAtOnce * kAtOnce;
    std::vector<NewDocument> added;
    for (int n = 0; n < count; ++n) {
      added.push_back({images[n % 2000], document, wire});
      if (added.size() < kAtOnce) continue;
      for (const auto& stored : store.Append(added)) {
        if (!stored.ok()) return std::fprintf(stderr, "%s\n", stored.status().ToString().c_str());
        locators.push_back(stored->locator);
      }
      added.clear();
    }
    const double took = CpuSeconds() - start;
    const auto usage = store.usage();
    std::printf("append_per_s %.0f (%.0f bytes each, %.2f GB/s)\n", count / took,
                static_cast<double>(usage.bytes) / count,
                1e-9 * static_cast<double>(usage.bytes) / took);
    const auto files = store.files();
    size_t sum = 0;
    uint64_t random = 1;
    std::printf("read_us %.3f\n", 1e6 * Least(200'000, [&](int) {
                                    random = random * 6364136223846793005 + 1442695040888963407;
                                    const auto view = files->Read(locators[(random >> 33) % count]);
                                    sum += static_cast<size_t>(view.wire_full[0]);
                                  }));
    if (folder.empty()) return 0;
    SegmentBuilder builder;
    for (int n = 0; n < count; ++n) {
      Image image = images[n % 2000];
      image.id = NewUuidV7(absl::FromUnixMillis(1'700'000'000'000 + n));
      builder.Add(DocumentOf(image), locators[n]);
    }
    CheckpointSegment& segment = checkpoint.segments.emplace_back();
    segment.segment = builder.Build();
    segment.live = DocBits(segment.segment->docs(), true);
    segment.popularity.assign(count, 7);
    segment.clusters.assign(count, 7);
    for (const char* name : {"checkpoint_first_ms", "checkpoint_again_ms"}) {
      checkpoint.documents = *store.Seal();
      start = Seconds();
      const absl::Status status = WriteCheckpoint(folder, checkpoint);
      if (!status.ok()) return std::fprintf(stderr, "%s\n", status.ToString().c_str());
      std::printf("%s %.0f\n", name, 1e3 * (Seconds() - start));
    }
    std::printf("segment_bytes %zu (%zu)\n", segment.segment->bytes().size(), sum % 10);
    checkpoint = {};
  }
  for (int round = 0; round < 3; ++round) {
    const double start = Seconds();
    auto store = DocumentStore::Open({.folder = folder}, metrics);
    auto read = ReadCheckpoint(folder);
    if (!read.ok()) return std::fprintf(stderr, "%s\n", read.status().ToString().c_str());
    const double middle = Seconds();
    const absl::Status adopted = (*store)->Adopt(read->documents, round == 2);
    const double end = Seconds();
    std::printf("read_checkpoint_ms %.0f, %s_ms %.0f%s\n", 1e3 * (middle - start),
                round == 2 ? "adopt_verified" : "adopt", 1e3 * (end - middle),
                adopted.ok() ? "" : " FAILED");
    const auto files = (*store)->files();
    const double first = Seconds();
    uint64_t sum = 0;
    for (int n = 0; n < 20'000; ++n) sum += files->Read(locators[n * 7919LL % count]).revision;
    std::printf("first_read_us %.2f (%d)\n", 1e6 * (Seconds() - first) / 20'000,
                static_cast<int>(sum % 10));
  }
  return 0;
}

}  // namespace
}  // namespace stockroom::api

int main(int argc, char** argv) {
  stockroom::api::MeasureCodec();
  const int count = argc > 1 ? std::atoi(argv[1]) : 100'000;
  stockroom::api::MeasureSmallDocuments(count);
  return stockroom::api::MeasureStore(count, argc > 2 ? argv[2] : "") == 0 ? 0 : 1;
}
