// Random faults under load, then an audit, round after round. Prints a line a round and, at the
// end, one JSON object; ends with 1 if the audit found anything, and keeps the logs then.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "tests/chaos/audit.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/load.h"

namespace stockroom::chaos {
namespace {

struct Options {
  int rounds = 20;
  uint32_t seed = 0;  // 0: by the clock
  std::string database = "mysql";
  int threads = 6;
  double seconds = 2;
  bool lose_commits = false;
};

testing::Cluster::Options ClusterOf(const Options& options) {
  const bool several = options.database == "mysql";
  // The shortest lease there may be, so that takeovers happen in every round.
  return {.workers = 2,
          .apis = several ? 2 : 1,
          .mariadb = several,
          .lose_commits = options.lose_commits,
          .api_flags = {"--jobs.lease=5s", "--jobs.deadline=20s"}};
}

// Prints what was found and where the logs are.
void Report(const std::string& what, testing::Cluster& cluster) {
  std::printf("FOUND %s\n", what.c_str());
  cluster.KeepDirectory();
  std::printf("logs: %s\n", cluster.directory().c_str());
}

int Run(const Options& options) {
  testing::Cluster cluster(ClusterOf(options));
  if (const absl::Status started = cluster.StartAll(); !started.ok()) {
    Report(started.ToString(), cluster);
    return 1;
  }
  Ledger ledger;
  Load load(cluster, ledger);
  Faults faults(cluster, options.seed);
  Audit audit(cluster, ledger, options.seed);
  std::printf("chaos on %s, seed %u\n", options.database.c_str(), options.seed);
  const absl::Time begun = absl::Now();
  absl::Duration longest_settling;
  for (int round = 1; round <= options.rounds; ++round) {
    load.Start(options.threads, options.seed + 1000u * static_cast<uint32_t>(round), round);
    const absl::Status went = faults.RunUntil(absl::Now() + absl::Seconds(options.seconds));
    load.Stop();
    std::vector<std::string> findings = load.complaints();
    if (!went.ok()) findings.push_back(went.ToString());
    const absl::Time calm = absl::Now();
    if (findings.empty()) findings = audit.Run(round, /*everything=*/round == options.rounds);
    longest_settling = std::max(longest_settling, absl::Now() - calm);
    const Ledger::Counts counts = ledger.counts();
    std::printf("round %d: %d uploads, %d updates, %d deletes, %d without answer; audit %.1f s\n",
                round, counts.uploads, counts.updates, counts.deletes, counts.unknown,
                absl::ToDoubleSeconds(absl::Now() - calm));
    std::fflush(stdout);
    for (const std::string& finding : findings) Report(finding, cluster);
    if (!findings.empty()) return 1;
  }
  const Ledger::Counts counts = ledger.counts();
  const nlohmann::ordered_json summary = {
      {"name", "chaos_" + options.database},
      {"value", 0},
      {"unit", "findings"},
      {"rounds", options.rounds},
      {"seed", options.seed},
      {"uploads", counts.uploads},
      {"updates", counts.updates},
      {"deletes", counts.deletes},
      {"without_answer", counts.unknown},
      {"faults", faults.counts()},
      {"events", audit.events_checked()},
      {"blobs_checked", audit.blobs_checked()},
      {"longest_audit_s", absl::ToDoubleSeconds(longest_settling)},
      {"minutes", absl::ToDoubleMinutes(absl::Now() - begun)}};
  std::printf("%s\n", summary.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace stockroom::chaos

int main(int argc, char** argv) {
  stockroom::chaos::Options options;
  CLI::App app("Kills processes of a cluster under load and looks whether anything was lost");
  app.add_option("--rounds", options.rounds, "Storms, each followed by an audit")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the faults and the load; 0: by the clock");
  app.add_option("--database", options.database, "mysql (two apis) or sqlite (one)")
      ->check(CLI::IsMember({"mysql", "sqlite"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Clients at once")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Length of a storm")->capture_default_str();
  app.add_flag("--lose-commits", options.lose_commits,
               "Let the database lose commits when it is killed: the audit must find that");
  CLI11_PARSE(app, argc, argv);
  if (options.seed == 0) options.seed = static_cast<uint32_t>(absl::ToUnixMillis(absl::Now()));
  return stockroom::chaos::Run(options);
}
