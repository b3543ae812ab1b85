// Pictures over HTTP: those that the api has in memory beside nginx with the same files; those that
// nobody has asked for before beside a Node server with sharp that works on the originals; and what
// the processes hold after many requests.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/common/corpus.h"
#include "bench/common/http_load.h"
#include "bench/common/nginx.h"
#include "bench/common/peer.h"
#include "bench/common/report.h"
#include "bench/delivery/memory.h"
#include "bench/delivery/pictures.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

constexpr int kThreads = 2;  // gateway.threads, nginx's workers, sharp's pool, decoders
constexpr int kHotConnections = 16;
constexpr int kColdConnections = 4;
constexpr absl::Duration kTurn = absl::Seconds(3);
constexpr int kColdSteps = 4;  // of DistinctPictures, a round
constexpr size_t kMostPhotos = 4;
// Of the measurement of memory.
constexpr int kRequests = 20'000;
constexpr int kWarmUpRequests = 4'000;
constexpr int kDistinctOf = 20;  // one in so many is new

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

class DeliveryBench {
 public:
  DeliveryBench(const Arguments& arguments, std::vector<Photo> photos)
      : arguments_(arguments), photos_(std::move(photos)), report_(arguments.json), cluster_([] {
          testing::Cluster::Options options;
          options.workers = 1;
          // Like nginx: no access log. Small enough a cache that the warm-up fills it.
          options.api_flags = {absl::StrCat("--gateway.threads=", kThreads), "--log.level=warning",
                               "--delivery.unsigned=any", "--delivery.cache_bytes=67108864"};
          options.worker_flags = {"--log.level=warning"};
          return options;
        }()) {
    const absl::Status started = cluster_.StartAll();
    if (!started.ok()) Fail(started.ToString());
    ids_ = Upload(cluster_, photos_);
    report_.Note(absl::StrCat(photos_.size(), " photographs of ",
                              static_cast<int>(photos_.front().megapixels()), " megapixels, ",
                              arguments.pairs, " pairs"));
  }

  void Hot();
  void Cold();
  void Memory();

 private:
  LoadOptions ToGateway(std::vector<std::string> requests) const {
    return {.port = cluster_.gateway_port(), .requests = std::move(requests)};
  }
  std::vector<std::string> AskAll(const std::vector<Picture>& pictures) const {
    std::vector<std::string> requests;
    for (const Picture& picture : pictures) {
      requests.push_back(AskStockroom(ids_[picture.photo], picture));
    }
    return requests;
  }
  std::vector<Picture> NextPictures(int steps);
  void MixedRequests(int count);
  std::map<std::string, double> Resident() const;

  const Arguments arguments_;
  const std::vector<Photo> photos_;
  Report report_;
  testing::Cluster cluster_;
  std::vector<std::string> ids_;
  int step_ = 0;
};

// Pictures that were never asked for.
std::vector<Picture> DeliveryBench::NextPictures(int steps) {
  std::vector<Picture> pictures;
  for (int i = 0; i < steps; ++i) {
    if (step_ == kMostSteps) Fail("no more distinct pictures; ask for fewer pairs");
    const std::vector<Picture> next = DistinctPictures(photos_.size(), step_++);
    pictures.insert(pictures.end(), next.begin(), next.end());
  }
  return pictures;
}

void DeliveryBench::Hot() {
  const std::vector<Picture> pictures = NextPictures(1);
  std::map<std::string, std::string> files;
  LoadOptions ours = ToGateway({});
  LoadOptions theirs;
  ours.connections = theirs.connections = kHotConnections;
  ours.duration = theirs.duration = kTurn;
  double bytes = 0;
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::string path = PathAtStockroom(ids_[pictures[i].photo], pictures[i]);
    const testing::CurlAnswer made = testing::Curl(cluster_.gateway() + path);
    if (made.status != 200) Fail(path + ": " + made.body);
    const std::string name = absl::StrCat(i, ".", pictures[i].format);
    files[name] = made.body;
    bytes += static_cast<double>(made.body.size());
    ours.requests.push_back(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    theirs.requests.push_back(absl::StrCat("GET /", name, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }
  const std::unique_ptr<Nginx> nginx = Nginx::Start(files, kThreads);
  if (nginx == nullptr) {
    report_.Note("nginx is not installed (Debian: nginx-light); delivery_hot_vs_nginx is left out");
    return;
  }
  theirs.port = nginx->port();
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::string name = absl::StrCat(i, ".", pictures[i].format);
    const std::string path = PathAtStockroom(ids_[pictures[i].photo], pictures[i]);
    const std::string at_nginx =
        testing::Curl(absl::StrCat("http://127.0.0.1:", theirs.port, "/", name)).body;
    if (testing::Curl(cluster_.gateway() + path).body != at_nginx) Fail(path + " differs");
  }
  std::vector<double> hot, files_per_s, ratios;
  for (int pair = -1; pair < arguments_.pairs; ++pair) {
    const double us = RunLoad(ours).per_second;
    const double them = RunLoad(theirs).per_second;
    if (pair < 0) continue;  // warm-up
    hot.push_back(us);
    files_per_s.push_back(them);
    ratios.push_back(us / them);
  }
  report_.Note(absl::StrCat(pictures.size(), " renditions of ",
                            static_cast<int>(bytes / 1000 / static_cast<double>(pictures.size())),
                            " KB on average"));
  report_.Figure("delivery_hot_per_s", SpreadOf(hot), "requests/s");
  report_.Figure("nginx_files_per_s", SpreadOf(files_per_s), "requests/s");
  report_.Ratio("delivery_hot_vs_nginx", SpreadOf(ratios));
}

void DeliveryBench::Cold() {
  std::vector<std::string> files;
  for (const Photo& photo : photos_) files.push_back(photo.path);
  Peer sharp("server.mjs", files, kThreads);
  LoadOptions theirs{.port = std::atoi(sharp.ReadLine().c_str()), .once = true};
  theirs.connections = kColdConnections;
  std::vector<double> cold, peer, ratios, ours_p50, theirs_p50;
  for (int pair = -1; pair < arguments_.pairs; ++pair) {
    const std::vector<Picture> pictures = NextPictures(kColdSteps);
    theirs.requests.clear();
    for (const Picture& picture : pictures) theirs.requests.push_back(AskSharp(picture));
    LoadOptions ours = ToGateway(AskAll(pictures));
    ours.once = true;
    ours.connections = kColdConnections;
    const LoadResult us = RunLoad(ours);
    const LoadResult them = RunLoad(theirs);
    if (pair < 0) continue;  // warm-up
    cold.push_back(us.per_second);
    peer.push_back(them.per_second);
    ratios.push_back(us.per_second / them.per_second);
    ours_p50.push_back(us.p50_ms);
    theirs_p50.push_back(them.p50_ms);
  }
  report_.Figure("delivery_cold_per_s", SpreadOf(cold), "requests/s");
  report_.Figure("delivery_cold_p50", SpreadOf(ours_p50), "ms");
  report_.Figure("sharp_server_per_s", SpreadOf(peer), "requests/s");
  report_.Figure("sharp_server_p50", SpreadOf(theirs_p50), "ms");
  report_.Ratio("delivery_cold_vs_sharp", SpreadOf(ratios));
}

// One in kDistinctOf is new; the others are those of the last step, again.
void DeliveryBench::MixedRequests(int count) {
  std::vector<Picture> mix;
  std::vector<Picture> fresh;
  size_t taken = 0;
  while (static_cast<int>(mix.size()) < count) {
    if (taken == fresh.size()) {
      fresh = NextPictures(1);
      taken = 0;
    }
    mix.push_back(fresh[taken]);
    for (int i = 1; i < kDistinctOf; ++i) {
      mix.push_back(mix[mix.size() - std::min(mix.size(), size_t{1} + fresh.size())]);
    }
    ++taken;
  }
  LoadOptions options = ToGateway(AskAll(mix));
  options.once = true;
  RunLoad(options);
}

std::map<std::string, double> DeliveryBench::Resident() const {
  std::map<std::string, double> held;
  for (const std::string& name : cluster_.Names()) {
    std::vector<double> looks;
    // Decoders come and go: the median of some looks.
    for (int i = 0; i < 9; ++i) {
      looks.push_back(ResidentMegabytes(cluster_.pid(name)));
      absl::SleepFor(absl::Milliseconds(50));
    }
    held[name] = SpreadOf(looks).median;
  }
  return held;
}

void DeliveryBench::Memory() {
  MixedRequests(kWarmUpRequests);
  const std::map<std::string, double> before = Resident();
  MixedRequests(kRequests);
  const std::map<std::string, double> after = Resident();
  double total_before = 0;
  double total_after = 0;
  for (const auto& [name, held] : before) {
    total_before += held;
    total_after += after.at(name);
    report_.Figure("rss_" + name, SpreadOf({held, after.at(name)}), "MB");
  }
  const double growth = 100 * (total_after - total_before) / total_before;
  report_.Figure("rss_growth_percent", SpreadOf({growth}), "%");
}

int Main(int argc, char** argv) {
  const Arguments arguments = ParseArguments(
      argc, argv, "usage: scripts/bench delivery [--json] [--corpus DIR] [--pairs N]");
  std::vector<Photo> photos =
      PhotosOrGenerated(arguments.corpus, kLeastMegapixels, kMostMegapixels, 3);
  if (photos.size() > kMostPhotos) photos.resize(kMostPhotos);
  DeliveryBench bench(arguments, std::move(photos));
  bench.Hot();
  bench.Cold();
  bench.Memory();
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
