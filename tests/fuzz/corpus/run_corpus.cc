// Feeds every file below a folder through live workers, and says what became of each. Ends with 1
// if a process other than a decoder died, a file took too long, or one could not be judged.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "services/common/base/digest.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/remote_blob_client.h"
#include "tests/fuzz/corpus/work_client.h"
#include "tests/support/cluster.h"

namespace stockroom::corpus {
namespace {

using internal::JobResult;
using nlohmann::json;

struct Options {
  std::vector<std::string> paths;
  int workers = 1;
  int decoders = 2;
  double limit_seconds = 10;
  bool as_json = false;
  bool quiet = false;
  std::vector<std::string> worker_flags;
};

struct Verdict {
  std::string path;
  std::string what;  // processed, refused, died, failed
  std::string why;
  double seconds = 0;
};

std::vector<std::string> FilesBelow(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Everything that ingest does: analysis, a rung, and renditions of several kinds.
internal::WorkJob JobFor(const Digest& digest, int64_t size) {
  internal::WorkJob job;
  job.set_request_id("corpus");
  job.set_image_id("corpus");
  job.set_original_sha256(std::string(digest.bytes()));
  job.set_original_size(size);
  job.set_deadline_ms(60'000);
  job.add_ladder(1440);
  const std::pair<const char*, const char*> presets[] = {
      {"thumb", "fit=320x320/format=auto/q=80"},
      {"square", "cover=128x128/gravity=smart/format=jpeg/q=80"},
      {"screen", "fit=720x720/format=webp/q=80"}};
  for (const auto& [name, recipe] : presets) {
    auto& preset = *job.add_presets();
    preset.set_preset(name);
    preset.set_recipe(recipe);
  }
  return job;
}

Verdict Judge(const absl::StatusOr<Answer>& answer) {
  if (!answer.ok()) return {.what = "failed", .why = std::string(answer.status().message())};
  const JobResult& result = answer->result;
  Verdict verdict{.why = result.message(), .seconds = absl::ToDoubleSeconds(answer->took)};
  switch (result.outcome()) {
    case JobResult::DONE:
      verdict.what = "processed";
      break;
    case JobResult::BAD_IMAGE:
      verdict.what = "refused";
      break;
    case JobResult::DECODER_DIED:
      verdict.what = "died";
      break;
    default:
      verdict.what = "failed";
      verdict.why = JobResult::Outcome_Name(result.outcome()) + ": " + verdict.why;
  }
  return verdict;
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        cluster_({.workers = options.workers, .worker_flags = FlagsOf(options)}) {}

  int Go() {
    if (const absl::Status started = Start(); !started.ok()) {
      std::fprintf(stderr, "%s\n", started.ToString().c_str());
      return 1;
    }
    const std::vector<std::string> files = FilesBelow(options_.paths);
    if (files.empty()) {
      std::fprintf(stderr, "there is no file\n");
      return 1;
    }
    verdicts_.resize(files.size());
    Feed(files);
    ExpectAllAlive();
    ExpectGoodPictureWorks();
    for (auto& client : clients_) client.reset();
    return Report();
  }

 private:
  static std::vector<std::string> FlagsOf(const Options& options) {
    std::vector<std::string> flags = {"--slots.decoders=" + std::to_string(options.decoders),
                                      // Else a file's time would hold another's.
                                      "--slots.prefetch=0"};
    flags.insert(flags.end(), options.worker_flags.begin(), options.worker_flags.end());
    return flags;
  }
  int threads_per_worker() const { return options_.decoders + 1; }
  std::string Worker(int i) const { return "worker-" + std::to_string(i); }

  absl::Status Start() {
    SR_RETURN_IF_ERROR(cluster_.Start("fileserver"));
    for (int i = 0; i < options_.workers; ++i) {
      SR_RETURN_IF_ERROR(cluster_.Start(Worker(i)));
      clients_.push_back(
          std::make_unique<WorkClient>(cluster_.worker_address(i), threads_per_worker()));
    }
    blobs_ = std::make_unique<RemoteBlobClient>(
        RemoteBlobClient::Options{.target = cluster_.fileserver_address()}, metrics_);
    return absl::OkStatus();
  }

  Verdict Try(WorkClient& worker, const std::string& bytes) {
    const auto stored = WriteBlob(*blobs_, CallContext::WithTimeout(absl::Seconds(120)), bytes);
    // An empty file does not even get to a worker.
    if (absl::IsInvalidArgument(stored.status())) {
      return {.what = "refused", .why = std::string(stored.status().message())};
    }
    if (!stored.ok()) return {.what = "failed", .why = stored.status().ToString()};
    return Judge(worker.Run(JobFor(Digest::Of(bytes), static_cast<int64_t>(bytes.size())),
                            absl::Seconds(120)));
  }

  void Feed(const std::vector<std::string>& files) {
    std::atomic<size_t> next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.workers * threads_per_worker(); ++i) {
      threads.emplace_back([this, &files, &next, i] {
        WorkClient& worker = *clients_[static_cast<size_t>(i % options_.workers)];
        for (size_t at = next++; at < files.size(); at = next++) {
          std::ifstream file(files[at], std::ios::binary);
          const std::string bytes((std::istreambuf_iterator<char>(file)), {});
          verdicts_[at] =
              file.bad() ? Verdict{.what = "failed", .why = "can not be read"} : Try(worker, bytes);
          verdicts_[at].path = files[at];
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void ExpectAllAlive() {
    if (!cluster_.IsRunning("fileserver")) problems_.push_back("the file server died");
    for (int i = 0; i < options_.workers; ++i) {
      if (!cluster_.IsRunning(Worker(i))) {
        problems_.push_back(Worker(i) + " died");
        continue;
      }
      // A decoder program's own process sees no picture, so it has no reason to die.
      std::istringstream metrics(testing::Curl(cluster_.http_of(Worker(i)) + "/metrics").body);
      for (std::string line; std::getline(metrics, line);) {
        if (line.starts_with("stockroom_decoder_lost_parents_total{") && !line.ends_with(" 0")) {
          problems_.push_back(Worker(i) + ": " + line);
        }
      }
    }
  }

  void ExpectGoodPictureWorks() {
    for (int i = 0; i < options_.workers; ++i) {
      const Verdict verdict = Try(*clients_[static_cast<size_t>(i)], testing::MakePng(640, 480, 1));
      if (verdict.what != "processed") {
        problems_.push_back(Worker(i) + " does not take a good picture any more: " + verdict.why);
      }
    }
  }

  int Report() {
    std::map<std::string, int> totals = {
        {"processed", 0}, {"refused", 0}, {"died", 0}, {"failed", 0}};
    json files = json::array();
    double slowest = 0;
    for (const Verdict& verdict : verdicts_) {
      ++totals[verdict.what];
      slowest = std::max(slowest, verdict.seconds);
      if (verdict.what == "failed") {
        problems_.push_back(verdict.path + " could not be judged: " + verdict.why);
      }
      if (verdict.seconds > options_.limit_seconds) {
        problems_.push_back(verdict.path + " took " + std::to_string(verdict.seconds) + " s");
      }
      files.push_back({{"path", verdict.path},
                       {"outcome", verdict.what},
                       {"why", verdict.why},
                       {"seconds", verdict.seconds}});
      if (!options_.as_json && !options_.quiet) {
        std::printf("%-9s %6.2f s  %s%s%s\n", verdict.what.c_str(), verdict.seconds,
                    verdict.path.c_str(), verdict.why.empty() ? "" : ": ", verdict.why.c_str());
      }
    }
    if (!problems_.empty()) cluster_.KeepDirectory();
    if (options_.as_json) {
      const json all = {{"files", files},
                        {"totals", totals},
                        {"slowest_seconds", slowest},
                        {"problems", problems_},
                        {"ok", problems_.empty()}};
      std::printf("%s\n", all.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    } else {
      std::printf(
          "%zu files: %d processed, %d refused, %d died, %d failed; the slowest took %.2f s\n",
          verdicts_.size(), totals["processed"], totals["refused"], totals["died"],
          totals["failed"], slowest);
      for (const std::string& problem : problems_) std::printf("PROBLEM %s\n", problem.c_str());
      if (!problems_.empty()) std::printf("logs: %s\n", cluster_.directory().c_str());
    }
    return problems_.empty() ? 0 : 1;
  }

  const Options options_;
  testing::Cluster cluster_;
  Metrics metrics_;
  std::unique_ptr<RemoteBlobClient> blobs_;
  std::vector<std::unique_ptr<WorkClient>> clients_;
  std::vector<Verdict> verdicts_;
  std::vector<std::string> problems_;
};

}  // namespace
}  // namespace stockroom::corpus

int main(int argc, char** argv) {
  stockroom::corpus::Options options;
  options.decoders = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  CLI::App app("Feeds every file below folders through live workers.");
  app.add_option("path", options.paths, "Folders and files")->required()->check(CLI::ExistingPath);
  app.add_option("--workers", options.workers, "Worker processes")->check(CLI::Range(1, 64));
  app.add_option("--decoders", options.decoders, "Decoders of each at one time; usually its cores")
      ->check(CLI::Range(1, 256));
  app.add_option("--limit", options.limit_seconds, "Seconds that one file may take");
  app.add_option("--worker-flag", options.worker_flags, "A flag for stockroom-imageproc");
  app.add_flag("--json", options.as_json, "One JSON object instead of lines");
  app.add_flag("--quiet", options.quiet, "Only totals and problems");
  CLI11_PARSE(app, argc, argv);
  stockroom::InitLogging("run-corpus", stockroom::LogLevel::kError);
  return stockroom::corpus::Run(options).Go();
}
