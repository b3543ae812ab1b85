// Search calls per second beside an empty unary call to the same server, over loopback gRPC with
// the clients on the same machine.
//
// Workload: 400 small images with seeded titles and tags; 8 clients on connections of their own
// ask, one call at a time, for the 20 newest that match two words (each about 10 % of the images);
// full records come back. The peer is SystemService.Ping. Then one client asks the file server, to
// which nothing happened for about a second before each call.
#include <atomic>
#include <cstdio>
#include <functional>
#include <random>
#include <thread>

#include "absl/time/clock.h"
#include "bench/common/report.h"
#include "services/common/base/digest.h"
#include "services/common/rpc/channel.h"
#include "stockroom/internal/blobs.grpc.pb.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

using testing::Client;
using testing::Cluster;

constexpr int kImages = 400;
constexpr int kClients = 8;
constexpr absl::Duration kRound = absl::Seconds(3);
constexpr const char* kWords[] = {"harbour", "mountain", "winter", "portrait", "night",
                                  "river",   "forest",   "street", "bridge",   "meadow"};

absl::Status Fill(Cluster& cluster) {
  std::atomic<int> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Client client(cluster.rpc_address());
      for (int i; (i = next++) < kImages;) {
        std::mt19937 random(static_cast<unsigned>(i));
        v1::UploadHeader header;
        for (int word = 0; word < 3; ++word) {
          header.set_title(header.title() + kWords[random() % 10] + " ");
        }
        for (int tag = 0; tag < 5; ++tag) header.add_tags("tag" + std::to_string(random() % 50));
        header.set_wait(true);
        if (!client.Upload(testing::MakePng(96, 64, static_cast<uint32_t>(i)), header).ok()) {
          failed = true;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failed ? absl::UnavailableError("an upload failed") : absl::OkStatus();
}

// Calls per second of all clients together; -1 if a call failed.
double Rate(std::vector<std::unique_ptr<Client>>& clients,
            const std::function<bool(Client&, int call)>& call) {
  std::atomic<int64_t> calls{0};
  std::atomic<bool> failed{false};
  const absl::Time start = absl::Now();
  const absl::Time end = start + kRound;
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&, c = client.get()] {
      for (int i = 0; absl::Now() < end; ++i) {
        if (!call(*c, i)) failed = true;
        ++calls;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (failed) return -1;
  return static_cast<double>(calls) / absl::ToDoubleSeconds(absl::Now() - start);
}

bool CallPing(Client& client, int) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  v1::PingResponse response;
  return client.system().Ping(&context, v1::PingRequest(), &response).ok();
}

bool CallSearch(Client& client, v1::ImageView view, int call) {
  v1::SearchImagesRequest request;
  request.set_view(view);
  request.set_q(std::string(kWords[call % 10]) + " " + kWords[(call + 3) % 10]);
  request.set_page_size(20);
  const auto response = client.Search(request);
  return response.ok();
}

// How long calls to the file server take that each come after about a second of quiet.
std::vector<double> MicrosAfterQuiet(const std::string& file_server) {
  constexpr int kCalls = 60;
  const auto stub = internal::BlobService::NewStub(rpc::MakeChannel(file_server, {}));
  internal::StatBlobRequest request;
  request.set_sha256(std::string(Digest::Of("not there").bytes()));
  std::vector<double> micros;
  for (int i = 0; i <= kCalls; ++i) {
    absl::SleepFor(absl::Milliseconds(940 + 4 * i));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
    internal::BlobInfo info;
    const absl::Time begin = absl::Now();
    // That there is none is an answer, too.
    stub->StatBlob(&context, request, &info);
    if (i > 0) micros.push_back(absl::ToDoubleMicroseconds(absl::Now() - begin));  // 0 connects
  }
  return micros;
}

int Main(int argc, char** argv) {
  const Arguments arguments =
      ParseArguments(argc, argv, "usage: scripts/bench rpc [--json] [--pairs N]");
  Cluster cluster({.workers = 2});
  absl::Status ready = cluster.StartAll();
  if (ready.ok()) ready = Fill(cluster);
  if (!ready.ok()) {
    std::fprintf(stderr, "%s\n", ready.ToString().c_str());
    return 1;
  }
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client>(cluster.rpc_address()));
  }
  const auto search_basic = [](Client& c, int call) { return CallSearch(c, v1::BASIC, call); };
  const auto search_full = [](Client& c, int call) { return CallSearch(c, v1::FULL, call); };
  Rate(clients, search_basic);  // warm-up
  Rate(clients, CallPing);
  std::vector<double> basic;
  std::vector<double> full;
  std::vector<double> empty;
  std::vector<double> basic_ratios;
  std::vector<double> full_ratios;
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    basic.push_back(Rate(clients, search_basic));
    empty.push_back(Rate(clients, CallPing));
    full.push_back(Rate(clients, search_full));
    if (basic.back() < 0 || full.back() < 0 || empty.back() < 0) {
      std::fprintf(stderr, "a call failed\n");
      return 1;
    }
    basic_ratios.push_back(basic.back() / empty.back());
    full_ratios.push_back(full.back() / empty.back());
  }
  Report report(arguments.json);
  report.Figure("rpc_search_per_s", SpreadOf(basic), "calls/s");
  report.Figure("rpc_search_full_per_s", SpreadOf(full), "calls/s");
  report.Figure("rpc_empty_per_s", SpreadOf(empty), "calls/s");
  report.Ratio("rpc_search_vs_empty", SpreadOf(basic_ratios));
  report.Ratio("rpc_search_full_vs_empty", SpreadOf(full_ratios));
  const std::vector<double> quiet = MicrosAfterQuiet(cluster.fileserver_address());
  report.Figure("rpc_after_quiet_p50_us", SpreadOf(quiet), "us");
  report.Figure("rpc_after_quiet_p90_us", SpreadOf({Percentile(quiet, 0.9)}), "us");
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
