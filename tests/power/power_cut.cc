// Cuts the power of a real file server at random operations, round after round: whatever it had
// acknowledged must be there afterwards. Prints one JSON object at the end; ends with 1 if anything
// was found, and keeps the folders then.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_incoming_client.h"
#include "tests/power/load.h"
#include "tests/power/rebuild.h"
#include "tests/power/server.h"

namespace stockroom::power {
namespace {

namespace fs = std::filesystem;

struct Options {
  int rounds = 50;
  uint64_t seed = 0;
  int threads = 6;
  // Then the store begins empty again, or copying it would be most of the work.
  int rounds_a_store = 10;
};

struct Totals {
  int rounds = 0;
  int died_at_start = 0;
  int64_t looked_at = 0;
};

class Rounds {
 public:
  Rounds(const Options& options, std::string folder)
      : options_(options), folder_(std::move(folder)), dice_(options.seed) {}

  // Empty: nothing was found.
  std::vector<std::string> Run(Totals& totals) {
    for (int round = 0; round < options_.rounds; ++round) {
      if (round % options_.rounds_a_store == 0) Begin();
      std::vector<std::string> findings = OneRound(totals);
      ++totals.rounds;
      if (!findings.empty()) {
        findings.push_back(absl::StrCat("in round ", round));
        return findings;
      }
    }
    return {};
  }

 private:
  void Begin() {
    promises_ = std::make_unique<Promises>();
    for (const char* name : {"/store", "/sent"}) {
      fs::remove_all(folder_ + name);
      fs::create_directories(folder_ + name);
    }
  }

  std::vector<std::string> OneRound(Totals& totals) {
    const std::string root = folder_ + "/store";
    const std::string shadow = folder_ + "/shadow";
    AllDurable(root, shadow);
    {
      // Short lives more often: a store's first operations are more than its later ones.
      const long die_at = 1 + static_cast<long>(dice_() % (dice_() % 3 == 0 ? 60 : 1200));
      Server server({.root = root, .shadow = shadow, .log = Log(), .die_at = die_at, .flags = {}});
      const absl::Status started = server.Start();
      if (!started.ok() && server.running()) return {started.ToString()};
      if (started.ok()) {
        RemoteBlobClient blobs({.target = server.address(), .connections = 2, .tls = {}}, metrics_);
        RemoteIncomingClient incomings({.target = server.address(), .tls = {}}, metrics_);
        std::vector<std::string> findings =
            RunLoad({.blobs = blobs, .incomings = incomings, .folder = folder_ + "/sent"},
                    *promises_, options_.threads, 400, dice_());
        if (!findings.empty()) return findings;
      } else {
        ++totals.died_at_start;
      }
      if (!server.Kill()) return {"the file server ended by itself"};
    }
    fs::remove_all(folder_ + "/left");
    Rebuild(root, shadow, folder_ + "/left", dice_);
    fs::remove_all(root);
    fs::rename(folder_ + "/left", root);
    Server server({.root = root, .shadow = "", .log = Log(), .die_at = 0, .flags = {}});
    if (absl::Status started = server.Start(); !started.ok()) {
      return {"after the cut: " + started.ToString()};
    }
    RemoteBlobClient blobs({.target = server.address(), .connections = 2, .tls = {}}, metrics_);
    RemoteIncomingClient incomings({.target = server.address(), .tls = {}}, metrics_);
    return Audit({.blobs = blobs, .incomings = incomings, .folder = folder_ + "/sent"}, *promises_,
                 totals.looked_at);
  }

  std::string Log() const { return folder_ + "/fileserver.log"; }

  const Options options_;
  const std::string folder_;
  std::mt19937_64 dice_;
  Metrics metrics_;
  std::unique_ptr<Promises> promises_;
};

int Main(const Options& options) {
  std::string folder = (fs::temp_directory_path() / "stockroom-power-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 2;
  std::printf("power cuts, seed %lu\n", static_cast<unsigned long>(options.seed));
  Totals totals;
  const std::vector<std::string> findings = Rounds(options, folder).Run(totals);
  for (const std::string& finding : findings) std::printf("FOUND %s\n", finding.c_str());
  nlohmann::ordered_json summary = {
      {"name", "power_cut"},           {"seed", options.seed},
      {"rounds", totals.rounds},       {"died_at_start", totals.died_at_start},
      {"looked_at", totals.looked_at}, {"findings", findings.size()}};
  std::printf("%s\n", summary.dump().c_str());
  if (findings.empty()) {
    fs::remove_all(folder);
    return 0;
  }
  std::printf("kept: %s\n", folder.c_str());
  return 1;
}

}  // namespace
}  // namespace stockroom::power

int main(int argc, char** argv) {
  stockroom::power::Options options;
  options.seed = static_cast<uint64_t>(std::time(nullptr));
  CLI::App app("Cuts the power of a file server at random operations.");
  app.add_option("--rounds", options.rounds, "how often")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of the faults; the clock if not given");
  app.add_option("--threads", options.threads, "clients at once")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return stockroom::power::Main(options);
}
