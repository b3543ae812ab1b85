// Pictures per second through the whole system (upload over gRPC, durable blob, job, worker,
// analysis, renditions stored, answer) beside the same three renditions made by plain libvips calls
// in one process with as many threads as the machine has cores.
//
// And what decoders do of that work (rung, three thumbnails, all analysis, each original in a
// process of its own) beside sharp, which makes the same four files with a pipeline each.
//
// Workload: every *.jpg and *.jpeg of --corpus, or 24 generated photographs of 12 megapixels; each
// round sends each picture once. A few bytes behind the end of the JPEG make it new to the store;
// decoders ignore them. Beside sharp: those of 12 to 14 megapixels.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vips/vips8>

#include "absl/time/clock.h"
#include "bench/common/corpus.h"
#include "bench/common/decoders.h"
#include "bench/common/peer.h"
#include "bench/common/report.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

using testing::Client;
using testing::Cluster;

constexpr int kSizes[] = {150, 320, 720};
constexpr int kQuality = 80;
constexpr int kUploaders = 6;
constexpr int kGenerated = 24;
constexpr int kRepeats = 4;  // of each photograph in a round beside sharp

std::vector<std::string> ReadCorpus(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".jpg" || extension == ".jpeg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> pictures;
  for (const auto& file : files) {
    std::stringstream bytes;
    bytes << std::ifstream(file, std::ios::binary).rdbuf();
    pictures.push_back(bytes.str());
  }
  return pictures;
}

// Cloud-like texture: compresses about as a photograph does.
std::vector<std::string> Generate() {
  std::vector<std::string> pictures;
  for (int i = 0; i < kGenerated; ++i) {
    std::vector<vips::VImage> bands;
    for (int band = 0; band < 3; ++band) {
      const auto coarse = vips::VImage::perlin(
          4000, 3000, vips::VImage::option()->set("cell_size", 512)->set("seed", i * 3 + band));
      const auto fine = vips::VImage::gaussnoise(
          4000, 3000, vips::VImage::option()->set("sigma", 6)->set("seed", i * 3 + band));
      bands.push_back(coarse * 100 + 128 + fine - 128);
    }
    auto image = vips::VImage::bandjoin(bands)
                     .cast(VIPS_FORMAT_UCHAR)
                     .copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    VipsBlob* blob = image.jpegsave_buffer(vips::VImage::option()->set("Q", 90));
    size_t size = 0;
    const void* data = vips_blob_get(blob, &size);
    pictures.emplace_back(static_cast<const char*>(data), size);
    vips_area_unref(VIPS_AREA(blob));
  }
  return pictures;
}

// Calls `work(i)` for every picture from `threads` threads; returns pictures per second.
double Rate(size_t pictures, int threads, const std::function<void(int thread, size_t i)>& work) {
  std::atomic<size_t> next{0};
  const absl::Time start = absl::Now();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (size_t i; (i = next++) < pictures;) work(t, i);
    });
  }
  for (std::thread& worker : workers) worker.join();
  return static_cast<double>(pictures) / absl::ToDoubleSeconds(absl::Now() - start);
}

double PlainRound(const std::vector<std::string>& pictures, int threads) {
  return Rate(pictures.size(), threads, [&](int, size_t i) {
    for (const int size : kSizes) {
      VipsBlob* blob = vips_blob_new(nullptr, pictures[i].data(), pictures[i].size());
      const auto image = vips::VImage::thumbnail_buffer(
          blob, size, vips::VImage::option()->set("height", size)->set("size", VIPS_SIZE_DOWN));
      vips_area_unref(VIPS_AREA(blob));
      VipsBlob* out =
          image.jpegsave_buffer(vips::VImage::option()->set("Q", kQuality)->set("strip", true));
      vips_area_unref(VIPS_AREA(out));
    }
  });
}

double SystemRound(const std::vector<std::string>& pictures, int round,
                   std::vector<std::unique_ptr<Client>>& clients) {
  return Rate(pictures.size(), kUploaders, [&](int thread, size_t i) {
    v1::UploadHeader header;
    header.set_wait(true);
    header.set_wait_timeout_ms(120'000);
    const std::string fresh = pictures[i] + "round " + std::to_string(round);
    const auto response = clients[thread]->Upload(fresh, header, absl::Minutes(3));
    if (!response.ok() || response->image().state() != v1::READY) {
      std::fprintf(stderr, "picture %zu: %s\n", i, response.status().ToString().c_str());
      std::exit(1);
    }
  });
}

// Pictures per second through decoders, and through sharp, as many at once as there are cores.
void CompareWithSharp(const Arguments& arguments, int cores, Report& report) {
  const std::vector<Photo> photos =
      PhotosOrGenerated(arguments.corpus, kLeastMegapixels, kMostMegapixels, 3);
  nlohmann::json order = {{"op", "ingest"}, {"at_once", cores}};
  for (int i = 0; i < kRepeats; ++i) {
    for (const Photo& photo : photos) order["files"].push_back(photo.path);
  }
  order["sides"] = {kRungSide};
  order["qualities"] = {kRungQuality};
  for (const int side : kThumbSides) {
    order["sides"].push_back(side);
    order["qualities"].push_back(kThumbQuality);
  }
  const size_t count = order["files"].size();
  Decoders decoders(cores);
  Peer sharp("batch.mjs", {}, cores);
  std::vector<double> ours, theirs, ratios;
  for (int pair = -1; pair < arguments.pairs; ++pair) {
    const double us = Rate(
        count, cores, [&](int, size_t i) { decoders.Ingest(photos[i % photos.size()].bytes); });
    const double them = static_cast<double>(count) / sharp.Ask(order).at("seconds").get<double>();
    if (pair < 0) continue;  // warm-up
    ours.push_back(us);
    theirs.push_back(them);
    ratios.push_back(us / them);
  }
  report.Figure("decoders_pictures_per_s", SpreadOf(ours), "pictures/s");
  report.Figure("sharp_pictures_per_s", SpreadOf(theirs), "pictures/s");
  report.Ratio("ingest_vs_sharp", SpreadOf(ratios));
}

void CompareWithLibvips(const Arguments& arguments, int cores, Report& report) {
  const std::vector<std::string> pictures =
      arguments.corpus.empty() ? Generate() : ReadCorpus(arguments.corpus);
  if (pictures.empty()) {
    std::fprintf(stderr, "no .jpg files in %s\n", arguments.corpus.c_str());
    std::exit(2);
  }
  Cluster cluster({.workers = 2});
  const absl::Status started = cluster.StartAll();
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", started.ToString().c_str());
    std::exit(1);
  }
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kUploaders; ++i) {
    clients.push_back(std::make_unique<Client>(cluster.rpc_address()));
  }
  report.Note(std::to_string(pictures.size()) + " pictures a round, " +
              std::to_string(arguments.pairs) + " pairs, plain libvips " + vips_version_string() +
              " with " + std::to_string(cores) + " threads");
  int round = 0;
  SystemRound(pictures, round++, clients);  // warm-up
  PlainRound(pictures, cores);
  std::vector<double> system, plain, ratios;
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    system.push_back(SystemRound(pictures, round++, clients));
    plain.push_back(PlainRound(pictures, cores));
    ratios.push_back(system.back() / plain.back());
  }
  report.Figure("ingest_pictures_per_s", SpreadOf(system), "pictures/s");
  report.Figure("libvips_pictures_per_s", SpreadOf(plain), "pictures/s");
  report.Ratio("ingest_vs_libvips", SpreadOf(ratios));
}

int Main(int argc, char** argv) {
  const Arguments arguments =
      ParseArguments(argc, argv, "usage: scripts/bench ingest [--json] [--corpus DIR] [--pairs N]");
  if (VIPS_INIT(argv[0]) != 0) return 1;
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  Report report(arguments.json);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  CompareWithLibvips(arguments, cores, report);
  CompareWithSharp(arguments, cores, report);
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
