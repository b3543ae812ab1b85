// A real api on a MariaDB that holds the catalogue: until it is ready, and calls over gRPC.
#include <google/protobuf/arena.h>

#include <atomic>
#include <functional>
#include <thread>

#include "absl/time/clock.h"
#include "bench/common/cpu_time.h"
#include "bench/search/measure.h"
#include "bench/search/parts.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/mysql_store.h"
#include "services/common/rpc/status.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

using testing::Client;
using testing::Cluster;

constexpr int kClients = 16;
constexpr absl::Duration kRound = absl::Seconds(3);

api::MysqlAddress AddressOf(testing::MariaDb& server) {
  return {.port = server.port(),
          .user = server.user(),
          .password = server.password(),
          .database = "stockroom"};
}

// Rows as the store would have written them, without their jobs and events.
void Fill(testing::MariaDb& server, const testing::Catalogue& catalogue, uint64_t images) {
  {
    // Makes the tables.
    Metrics metrics;
    Check(api::OpenMysqlStore({.address = AddressOf(server)}, metrics).status(), "migrating");
  }
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      auto db = api::MysqlConnection::Open(AddressOf(server), {.patience = absl::Minutes(10)});
      Check(db.status(), "connecting");
      constexpr uint64_t kTransaction = 2000;
      for (uint64_t begin = t * kTransaction; begin < images; begin += 2 * kTransaction) {
        Check((*db)->Begin(), "BEGIN");
        for (uint64_t i = begin; i < std::min(images, begin + kTransaction); ++i) {
          Check(api::InsertImageRow(**db, catalogue.At(i)), "INSERT");
        }
        Check((*db)->Commit(), "COMMIT");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

double SecondsUntilReady(Cluster& cluster) {
  const absl::Time start = absl::Now();
  Check(cluster.Start("api", absl::Minutes(20)), "the api");
  return absl::ToDoubleSeconds(absl::Now() - start);
}

struct Load {
  double per_second = 0;
  double api_us = 0;  // processor time of the api, a call
};

// All clients together. Ends the program if a call fails.
Load LoadOf(std::vector<std::unique_ptr<Client>>& clients, pid_t api,
            const std::function<absl::Status(Client&, uint64_t call)>& call) {
  std::atomic<uint64_t> calls{0};
  const double spent = CpuSecondsOf(api);
  const absl::Time start = absl::Now();
  const absl::Time end = start + kRound;
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&, c = client.get()] {
      while (absl::Now() < end) Check(call(*c, calls++), "a call");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto done = static_cast<double>(calls);
  return {done / absl::ToDoubleSeconds(absl::Now() - start),
          (CpuSecondsOf(api) - spent) * 1e6 / done};
}

// A start ends before what was loaded is merged: calls are measured when the api has nothing else
// to do.
void AwaitIdle(pid_t api) {
  constexpr double kIdle = 0.05;
  const absl::Time end = absl::Now() + absl::Minutes(5);
  for (double spent = CpuSecondsOf(api); absl::Now() < end;) {
    absl::SleepFor(absl::Seconds(1));
    const double now = CpuSecondsOf(api);
    if (now - spent < kIdle) return;
    spent = now;
  }
  Check(absl::DeadlineExceededError("still busy"), "the api");
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
}

absl::Status Ping(Client& client, uint64_t) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::PingResponse response;
  return rpc::FromGrpc(client.system().Ping(&context, v1::PingRequest(), &response));
}

// As a client that reads many records does: those of an answer lie in an arena and go at once.
absl::Status Search(Client& client, const v1::SearchImagesRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  google::protobuf::ArenaOptions options;
  options.start_block_size = 64 << 10;
  options.max_block_size = 256 << 10;
  google::protobuf::Arena arena(options);
  auto* response = google::protobuf::Arena::CreateMessage<v1::SearchImagesResponse>(&arena);
  return rpc::FromGrpc(client.search().SearchImages(&context, request, response));
}

void MeasureCalls(Cluster& cluster, const testing::Catalogue& catalogue, const Options& options,
                  Report& report) {
  std::vector<std::string> searches;
  for (uint64_t n = 0; n < 5000; ++n) {
    searches.push_back(catalogue.TwoWordsAndFilter(n, options.images).query);
  }
  const auto search = [&](bool ids_only) {
    return [&, ids_only](Client& client, uint64_t call) {
      v1::SearchImagesRequest request;
      request.set_q(searches[call % searches.size()]);
      request.set_page_size(20);
      request.set_view(v1::FULL);
      if (ids_only) request.set_ids_only(true);
      return Search(client, request);
    };
  };
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client>(cluster.rpc_address()));
  }
  const pid_t api = cluster.pid("api");
  AwaitIdle(api);
  LoadOf(clients, api, search(false));  // warm-up
  LoadOf(clients, api, Ping);
  struct Rounds {
    std::vector<double> per_second;
    std::vector<double> api_us;
    std::vector<double> ratios;

    void Add(const Load& load, const Load& against) {
      per_second.push_back(load.per_second);
      api_us.push_back(load.api_us);
      ratios.push_back(load.per_second / against.per_second);
    }
  };
  Rounds ids;
  Rounds full;
  Rounds empty;
  for (int pair = 0; pair < options.pairs; ++pair) {
    const Load of_ids = LoadOf(clients, api, search(true));
    const Load of_nothing = LoadOf(clients, api, Ping);
    ids.Add(of_ids, of_nothing);
    full.Add(LoadOf(clients, api, search(false)), of_nothing);
    empty.Add(of_nothing, of_nothing);
  }
  report.Figure("search_rpc_ids_per_s", SpreadOf(ids.per_second), "calls/s");
  report.Figure("search_rpc_full_per_s", SpreadOf(full.per_second), "calls/s");
  report.Figure("rpc_empty_16_per_s", SpreadOf(empty.per_second), "calls/s");
  report.Figure("search_rpc_ids_api_us", SpreadOf(ids.api_us), "us");
  report.Figure("search_rpc_full_api_us", SpreadOf(full.api_us), "us");
  report.Figure("rpc_empty_16_api_us", SpreadOf(empty.api_us), "us");
  report.Ratio("search_rpc_ids_vs_empty", SpreadOf(ids.ratios));
  report.Ratio("search_rpc_full_vs_empty", SpreadOf(full.ratios));
}

}  // namespace

void MeasureServer(const testing::Catalogue& catalogue, const Options& options, Report& report) {
  Cluster cluster({.workers = 1,
                   .mariadb = true,
                   .mariadb_flags = {"--innodb-buffer-pool-size=4G", "--innodb-log-file-size=1G"},
                   .api_flags = {"--log.level=warning"}});
  Fill(*cluster.mariadb(), catalogue, options.images);
  Check(cluster.Start("fileserver"), "the file server");
  // From nothing but the database: without search.folder there are no checkpoints.
  std::vector<double> starts;
  // The first is a warm-up: the server still writes out what it was filled with.
  const int rounds = options.Runs("start") ? options.pairs + 1 : 1;
  for (int round = 0; round < rounds; ++round) {
    if (round > 0) cluster.Kill("api");
    starts.push_back(SecondsUntilReady(cluster) * 1000);
  }
  if (options.Runs("start")) {
    starts.erase(starts.begin());
    report.Figure("start_mariadb_ms", SpreadOf(starts), "ms");
  }
  if (options.Runs("rpc")) MeasureCalls(cluster, catalogue, options, report);
}

}  // namespace stockroom::bench
