// The upload transaction, the change feed and the bootstrap on MariaDB, durable settings.
//
// Workload. Commits: N threads call MetadataStore::CreateImage with small descriptions, all
// different; the peers are SQLite (its writer commits many calls at once) and single-row
// autocommitted INSERTs into a table of the same server, which is the most that its log gives N
// connections. Feed: one store creates and completes an image; another, with a FeedFollower and a
// search index as in an api, finds it; the time is from the return of CompleteJob to the index
// being there. Bootstrap: a follower loads --rows rows of about 3 KB; the peer is the mariadb
// client reading the same table.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <thread>

#include "absl/time/clock.h"
#include "bench/common/report.h"
#include "services/api/events/feed_follower.h"
#include "services/api/metadata/mysql_store.h"
#include "services/api/metadata/sqlite_store.h"
#include "services/api/search/memory_search_index.h"
#include "services/common/base/ids.h"
#include "tests/support/mariadb.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

using api::MetadataStore;
using testing::MariaDb;

constexpr absl::Duration kRound = absl::Seconds(2);

// Calls per second of `threads` threads together.
double Rate(int threads, const std::function<void(int thread)>& call) {
  std::atomic<int64_t> calls{0};
  const absl::Time start = absl::Now();
  const absl::Time end = start + kRound;
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      while (absl::Now() < end) {
        call(t);
        ++calls;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(calls) / absl::ToDoubleSeconds(absl::Now() - start);
}

api::NewImage Photograph() {
  api::NewImage image;
  image.id = NewUuidV7(absl::Now());
  image.owner = "bench";
  image.described.title = "A photograph of a harbour";
  image.described.tags = {"harbour", "evening", "boats"};
  image.filename = "photo.jpg";
  image.sha256 = Digest::Of(image.id);
  image.md5 = std::string(16, 'm');
  image.size_bytes = 3'000'000;
  return image;
}

void Create(MetadataStore& store) {
  if (const auto made = store.CreateImage(Photograph(), absl::Now()); !made.ok()) {
    std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
    std::exit(1);
  }
}

std::unique_ptr<MetadataStore> Open(MariaDb& server, const std::string& database,
                                    Metrics& metrics) {
  if (!server.Sql("CREATE DATABASE IF NOT EXISTS " + database).ok()) std::exit(1);
  api::MysqlOptions options{.connections = 40};
  options.address.port = server.port();
  options.address.user = server.user();
  options.address.password = server.password();
  options.address.database = database;
  return api::OpenMysqlStore(options, metrics).value();
}

void MeasureCommits(MariaDb& server, Report& report, int pairs) {
  Metrics mysql_metrics;
  const auto mysql = Open(server, "commits", mysql_metrics);
  testing::TempFolder folder;
  Metrics sqlite_metrics;
  const auto sqlite =
      api::OpenSqliteStore({.path = folder.file("bench.db")}, sqlite_metrics).value();
  if (!server
           .Sql("CREATE TABLE commits.plain (id BIGINT AUTO_INCREMENT PRIMARY KEY, t TEXT) "
                "ENGINE = InnoDB")
           .ok()) {
    std::exit(1);
  }
  std::vector<std::unique_ptr<api::MysqlConnection>> plain;
  for (int i = 0; i < 32; ++i) {
    api::MysqlAddress address{.port = server.port(),
                              .user = server.user(),
                              .password = server.password(),
                              .database = "commits"};
    plain.push_back(api::MysqlConnection::Open(address, {}).value());
  }
  for (const int writers : {1, 8, 32}) {
    const auto run_mysql = [&] { return Rate(writers, [&](int) { Create(*mysql); }); };
    const auto run_sqlite = [&] { return Rate(writers, [&](int) { Create(*sqlite); }); };
    const auto run_plain = [&] {
      return Rate(writers, [&](int t) {
        if (!plain[t]->Query("INSERT INTO plain (t) VALUES (?)").Bind("a photograph").Run().ok()) {
          std::exit(1);
        }
      });
    };
    run_mysql();  // warm-up
    run_sqlite();
    std::map<std::string, std::vector<double>> figures;
    for (int pair = 0; pair < pairs; ++pair) {
      const double ours = run_mysql();
      const double embedded = run_sqlite();
      const double single = run_plain();
      figures["mysql"].push_back(ours);
      figures["sqlite"].push_back(embedded);
      figures["plain"].push_back(single);
      figures["vs_sqlite"].push_back(ours / embedded);
      figures["vs_plain"].push_back(ours / single);
    }
    const std::string n = std::to_string(writers);
    report.Figure("upload_commits_per_s_mariadb_" + n, SpreadOf(figures["mysql"]), "commits/s");
    report.Figure("upload_commits_per_s_sqlite_" + n, SpreadOf(figures["sqlite"]), "commits/s");
    report.Figure("plain_inserts_per_s_" + n, SpreadOf(figures["plain"]), "commits/s");
    report.Ratio("mariadb_vs_sqlite_" + n, SpreadOf(figures["vs_sqlite"]));
    report.Ratio("mariadb_vs_plain_inserts_" + n, SpreadOf(figures["vs_plain"]));
  }
}

// A second api's side of the feed.
struct Follower {
  explicit Follower(MetadataStore& store)
      : follower({.poll = absl::Milliseconds(50)}, store, index, position, completions, metrics) {
    std::atomic<bool> ready{false};
    follower.Start([&] {
      ready = true;
      ready.notify_all();
    });
    ready.wait(false);
  }
  ~Follower() { follower.Stop(); }

  Metrics metrics;
  TimerQueue timers;
  api::MemorySearchIndex index{metrics};
  api::FeedPosition position{timers};
  api::Completions completions{timers};
  api::FeedFollower follower;
};

absl::Status Await(api::FeedPosition& position, int64_t wanted) {
  std::promise<absl::Status> reached;
  position.Wait(wanted, CallContext::WithTimeout(absl::Seconds(10)),
                [&](absl::Status status) { reached.set_value(std::move(status)); });
  return reached.get_future().get();
}

double Percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(part * values.size()))];
}

void MeasureFeed(MariaDb& server, Report& report, int pairs) {
  Metrics metrics;
  const auto writer = Open(server, "feed", metrics);
  Metrics other_metrics;
  const auto reader = Open(server, "feed", other_metrics);
  Follower follower(*reader);
  std::vector<double> p50;
  std::vector<double> p99;
  for (int round = 0; round <= pairs; ++round) {
    std::vector<double> milliseconds;
    for (int i = 0; i < 100; ++i) {
      Create(*writer);
      const auto jobs = writer->LeaseJobs({.max_jobs = 1, .now = absl::Now()}).value();
      if (!writer->CompleteJob({jobs[0].job.id, jobs[0].job.token}, {}, absl::Now()).ok()) {
        std::exit(1);
      }
      const absl::Time committed = absl::Now();
      const int64_t last = writer->GetFeedRange().value().last;
      if (!Await(follower.position, last).ok()) std::exit(1);
      milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - committed));
      // Not in step with the follower's polling.
      absl::SleepFor(absl::Milliseconds((i * 7) % 23));
    }
    if (round == 0) continue;  // warm-up
    p50.push_back(Percentile(milliseconds, 0.5));
    p99.push_back(Percentile(milliseconds, 0.99));
  }
  report.Figure("feed_latency_p50_ms", SpreadOf(p50), "ms");
  report.Figure("feed_latency_p99_ms", SpreadOf(p99), "ms");
}

void FillRows(MariaDb& server, int64_t rows) {
  // READY images with five tags, three renditions and an analysis of the usual size.
  const std::string sql =
      "INSERT INTO bootstrap.images SELECT "
      "CONCAT(LPAD(HEX(seq), 8, '0'), '-0000-7000-8000-000000000000'), 'bench', "
      "CONCAT('harbour evening number ', seq), 'A description of some forty letters each', "
      "'CC-BY-4.0', 1, 4, '', CONCAT('photo-', seq, '.jpg'), "
      "UNHEX(SHA2(seq, 256)), UNHEX(MD5(seq)), 3000000, 4000, 3000, 'jpeg', 'image/jpeg', 1, NULL, "
      "CONCAT('{\"facts\":\"{}\",\"palette\":\"', REPEAT('x', 1200), '\"}'), "
      "CONCAT('[\"tag', seq % 997, '\",\"tag', seq % 89, '\",\"harbour\",\"boats\",\"sea\"]'), "
      "'{}', '[]', 1700000000000000 + seq, 1700000000000000 + seq, 3, 0, '', 1 "
      "FROM bootstrap.seq_1_to_" +
      std::to_string(rows);
  if (const auto filled = server.Sql(sql); !filled.ok()) {
    std::fprintf(stderr, "%s\n", filled.status().ToString().c_str());
    std::exit(1);
  }
}

void MeasureBootstrap(MariaDb& server, Report& report, int64_t rows, int pairs) {
  Metrics metrics;
  const auto store = Open(server, "bootstrap", metrics);
  FillRows(server, rows);
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  for (int pair = 0; pair < pairs; ++pair) {
    absl::Time start = absl::Now();
    {
      const Follower follower(*store);
      ours.push_back(absl::ToDoubleSeconds(absl::Now() - start));
      if (follower.index.size() != rows) std::exit(1);
    }
    start = absl::Now();
    if (!server.Dump("SELECT * FROM bootstrap.images").ok()) std::exit(1);
    theirs.push_back(absl::ToDoubleSeconds(absl::Now() - start));
    ratios.push_back(ours.back() / theirs.back());
  }
  const std::string n = std::to_string(rows);
  report.Figure("bootstrap_s_" + n + "_rows", SpreadOf(ours), "s");
  report.Figure("client_reads_s_" + n + "_rows", SpreadOf(theirs), "s");
  report.Ratio("bootstrap_vs_client", SpreadOf(ratios));
}

int Main(int argc, char** argv) {
  const Arguments arguments =
      ParseArguments(argc, argv, "usage: scripts/bench metadata [--json] [--pairs N] [--rows N]");
  const auto server =
      MariaDb::Start({.durable = true, .flags = {"--innodb-buffer-pool-size=1G"}}).value();
  Report report(arguments.json);
  MeasureCommits(*server, report, arguments.pairs);
  MeasureFeed(*server, report, arguments.pairs);
  // Each takes a minute at a million rows.
  MeasureBootstrap(*server, report, arguments.rows, arguments.rows > 100'000 ? 1 : arguments.pairs);
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
