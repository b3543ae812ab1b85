// One image's record as JSON over the gateway, beside the same over gRPC and beside nginx with a
// static file of the same bytes; then good requests beside a crowd that holds connections.
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "bench/common/http_load.h"
#include "bench/common/nginx.h"
#include "bench/common/report.h"
#include "bench/gateway/crowd.h"
#include "services/common/base/process.h"
#include "services/common/rpc/channel.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

constexpr int kAtOnce = 16;
constexpr int kThreads = 2;  // gateway.threads, and nginx's workers
constexpr int kIdle = 10'000;
constexpr int kSlow = 200;
// About a tenth of what the gateway can do here: the crowd's cost shall show, not a queue's.
constexpr double kPace = 1000;
constexpr absl::Duration kTurn = absl::Seconds(3);

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::string UploadOne(testing::Cluster& cluster) {
  testing::Client client(cluster.rpc_address());
  v1::UploadHeader header;
  header.set_wait(true);
  header.set_title("Harbour at dawn");
  for (const char* tag : {"harbour", "dawn", "boats"}) header.add_tags(tag);
  const auto uploaded = client.Upload(testing::MakePng(640, 480, 1), header);
  Require(uploaded.status());
  return uploaded->image().id();
}

// GetImage, over and over: `kAtOnce` calls under way on two connections.
class GrpcLoad {
 public:
  GrpcLoad(const std::string& address, std::string id) : id_(std::move(id)) {
    for (int i = 0; i < 2; ++i) {
      stubs_.push_back(v1::ImageService::NewStub(rpc::MakeChannel(address, {.pool_index = i})));
    }
  }

  double PerSecond() {
    absl::BlockingCounter running(kAtOnce);
    done_ = 0;
    const absl::Time begun = absl::Now();
    end_ = begun + kTurn;
    for (int i = 0; i < kAtOnce; ++i) Call(i, running);
    running.Wait();
    return static_cast<double>(done_) / absl::ToDoubleSeconds(absl::Now() - begun);
  }

 private:
  struct Running {
    grpc::ClientContext context;
    v1::GetImageRequest request;
    v1::Image response;
  };
  void Call(int i, absl::BlockingCounter& running) {
    auto call = std::make_shared<Running>();
    call->request.set_id(id_);
    call->context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    stubs_[static_cast<size_t>(i) % stubs_.size()]->async()->GetImage(
        &call->context, &call->request, &call->response,
        [this, i, call, &running](const grpc::Status& status) {
          if (!status.ok()) Require(absl::UnavailableError(status.error_message()));
          ++done_;
          if (absl::Now() < end_) {
            Call(i, running);
          } else {
            running.DecrementCount();
          }
        });
  }

  const std::string id_;
  std::vector<std::unique_ptr<v1::ImageService::Stub>> stubs_;
  std::atomic<int64_t> done_ = 0;
  absl::Time end_;
};

void CompareSpeeds(testing::Cluster& cluster, const std::string& id, int pairs, Report& report) {
  const std::string path = "/v1/images/" + id;
  const testing::CurlAnswer record = testing::Curl(cluster.gateway() + path);
  if (record.status != 200) Require(absl::UnavailableError(record.body));
  const std::unique_ptr<Nginx> nginx = Nginx::Start({{"file", record.body}}, kThreads);
  if (nginx == nullptr) report.Note("nginx is not installed (Debian: nginx-light); it is left out");
  const auto request = [](const std::string& target) {
    return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  };
  const LoadOptions gateway{.port = cluster.gateway_port(),
                            .requests = {request(path)},
                            .connections = kAtOnce,
                            .duration = kTurn};
  LoadOptions peer = gateway;
  if (nginx != nullptr) peer.port = nginx->port();
  peer.requests = {request("/file")};
  GrpcLoad grpc(cluster.rpc_address(), id);

  std::vector<double> http, calls, files, vs_grpc, vs_nginx;
  for (int i = -1; i < pairs; ++i) {
    const double ours = RunLoad(gateway).per_second;
    const double theirs = nginx != nullptr ? RunLoad(peer).per_second : 1;
    const double rpc = grpc.PerSecond();
    if (i < 0) continue;  // warm-up
    http.push_back(ours);
    calls.push_back(rpc);
    files.push_back(theirs);
    vs_grpc.push_back(ours / rpc);
    vs_nginx.push_back(ours / theirs);
  }
  report.Note(absl::StrCat("a record has ", record.body.size(), " bytes"));
  report.Figure("gateway_get_per_s", SpreadOf(http), "requests/s");
  report.Figure("grpc_get_per_s", SpreadOf(calls), "calls/s");
  report.Ratio("gateway_vs_grpc", SpreadOf(vs_grpc));
  if (nginx == nullptr) return;
  report.Figure("nginx_static_per_s", SpreadOf(files), "requests/s");
  report.Ratio("gateway_vs_nginx", SpreadOf(vs_nginx));
}

void MeasureBesideCrowd(testing::Cluster& cluster, const std::string& id, int pairs,
                        Report& report) {
  const LoadOptions good{
      .port = cluster.gateway_port(),
      .requests = {absl::StrCat("GET /v1/images/", id, " HTTP/1.1\r\nHost: localhost\r\n\r\n")},
      .connections = kAtOnce,
      .duration = kTurn,
      .paced = kPace};
  std::vector<double> alone, beside, ratio;
  for (int i = -1; i < pairs; ++i) {
    const double quiet = RunLoad(good).p99_ms;
    double crowded = 0;
    {
      const Crowd crowd(good.port, kIdle, kSlow);
      crowded = RunLoad(good).p99_ms;
    }
    absl::SleepFor(absl::Milliseconds(500));  // the server closes what the crowd has left
    if (i < 0) continue;
    alone.push_back(quiet);
    beside.push_back(crowded);
    ratio.push_back(crowded / quiet);
  }
  report.Figure("gateway_p99_alone", SpreadOf(alone), "ms");
  report.Figure("gateway_p99_crowded", SpreadOf(beside), "ms");
  report.Ratio("gateway_p99_idle10k", SpreadOf(ratio));
}

int Main(const Arguments& arguments) {
  RaiseDescriptorLimit();
  Report report(arguments.json);
  // Like nginx's: no access log.
  testing::Cluster cluster(
      {.workers = 1,
       .api_flags = {"--gateway.max_connections=15000",
                     absl::StrCat("--gateway.threads=", kThreads), "--log.level=warning"}});
  Require(cluster.StartAll());
  const std::string id = UploadOne(cluster);
  CompareSpeeds(cluster, id, arguments.pairs, report);
  MeasureBesideCrowd(cluster, id, arguments.pairs, report);
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) {
  return stockroom::bench::Main(
      stockroom::bench::ParseArguments(argc, argv, "usage: bench-gateway [--json] [--pairs N]"));
}
