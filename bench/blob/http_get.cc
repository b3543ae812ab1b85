#include "bench/blob/http_get.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/blob/common.h"
#include "bench/common/cpu_time.h"
#include "bench/common/http_load.h"
#include "bench/common/nginx.h"
#include "services/common/base/metrics.h"
#include "services/common/base/random.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

constexpr absl::Duration kTurn = absl::Seconds(3);
constexpr char kKey[] = "the key of this benchmark";

struct Load {
  const char* name;
  size_t bytes;
  int files;
  int connections;
};
constexpr Load kSmall{"http_get", 20'000, 64, 16};
constexpr Load kLarge{"http_get_large", 8 << 20, 4, 4};

std::string Request(const std::string& target) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

struct Measured {
  double per_second;
  double cpu_us;  // a request
};

Measured Measure(const LoadOptions& load, pid_t server) {
  const double before = CpuSecondsOf(server);
  const double per_second = RunLoad(load).per_second;
  const double requests = per_second * absl::ToDoubleSeconds(load.duration);
  return {per_second, (CpuSecondsOf(server) - before) * 1e6 / requests};
}

// A file server with one HTTP thread over a folder that holds `files` already.
class FileServer {
 public:
  explicit FileServer(const std::map<std::string, std::string>& files) {
    Fill(files);
    std::ofstream(folder_.path() + "/key") << kKey << "\n";
    process_.emplace(folder_.path() + "/data",
                     std::vector<std::string>{
                         "--http.threads=1", "--http.signing_key_file=" + folder_.path() + "/key"});
  }

  int port() const { return process_->http_port(); }
  pid_t pid() const { return process_->pid(); }
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void Fill(const std::map<std::string, std::string>& files) {
    Metrics metrics;
    const auto disk = OrEnd(fileserver::LocalDisk::Open(
        fileserver::PosixEnv(), {.directory = folder_.path() + "/data", .reserve_bytes = 0}));
    fileserver::BlobStore blobs(*disk, {}, metrics);
    const fileserver::UrlSigner signer = OrEnd(fileserver::UrlSigner::Create({kKey}));
    const fileserver::BlobUrls urls(signer, "/");
    for (const auto& [name, bytes] : files) {
      const auto upload = OrEnd(blobs.Put({}));
      if (!upload->Append(bytes).ok()) std::abort();
      const StoredBlob stored = OrEnd(upload->Finish(static_cast<int64_t>(bytes.size())));
      const std::string url = OrEnd(urls.OfBlob({.digest = stored.info.sha256,
                                                 .expires = absl::Now() + absl::Hours(24),
                                                 .content_type = "image/jpeg",
                                                 .filename = "harbour.jpg"}));
      requests_.push_back(Request(url.substr(1)));
    }
  }

  const testing::TempFolder folder_;
  std::vector<std::string> requests_;
  std::optional<ServerProcess> process_;
};

void Compare(const Load& load, int pairs, Report& report) {
  std::map<std::string, std::string> files;
  for (int i = 0; i < load.files; ++i) files[absl::StrCat("file", i)] = RandomBytes(load.bytes);
  const std::unique_ptr<Nginx> nginx = Nginx::Start(files, /*workers=*/1);
  if (nginx == nullptr) {
    report.Note("nginx is not installed (Debian: nginx-light); it is left out");
    return;
  }
  const FileServer server(files);
  const LoadOptions ours{.port = server.port(),
                         .requests = server.requests(),
                         .connections = load.connections,
                         .duration = kTurn};
  LoadOptions theirs = ours;
  theirs.port = nginx->port();
  theirs.requests.clear();
  for (const auto& file : files) theirs.requests.push_back(Request("/" + file.first));

  std::vector<double> our_rate, their_rate, ratio, our_cpu, their_cpu, cpu_ratio;
  for (int i = -1; i < pairs; ++i) {
    const Measured a = Measure(ours, server.pid());
    const Measured b = Measure(theirs, nginx->pid());
    if (i < 0) continue;  // warm-up
    our_rate.push_back(a.per_second);
    their_rate.push_back(b.per_second);
    ratio.push_back(a.per_second / b.per_second);
    our_cpu.push_back(a.cpu_us);
    their_cpu.push_back(b.cpu_us);
    cpu_ratio.push_back(b.cpu_us / a.cpu_us);
  }
  report.Figure(absl::StrCat(load.name, "_per_s"), SpreadOf(our_rate), "requests/s");
  report.Figure(absl::StrCat(load.name, "_nginx_per_s"), SpreadOf(their_rate), "requests/s");
  report.Ratio(absl::StrCat(load.name, "_vs_nginx"), SpreadOf(ratio));
  report.Figure(absl::StrCat(load.name, "_cpu"), SpreadOf(our_cpu), "us/request");
  report.Figure(absl::StrCat(load.name, "_nginx_cpu"), SpreadOf(their_cpu), "us/request");
  report.Ratio(absl::StrCat(load.name, "_cpu_vs_nginx"), SpreadOf(cpu_ratio));
}

}  // namespace

void MeasureHttpGet(int pairs, Report& report) {
  Compare(kSmall, pairs, report);
  Compare(kLarge, pairs, report);
}

}  // namespace stockroom::bench
