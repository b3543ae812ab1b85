// The workers, as the job dispatcher sees them: a number of credits, and a way to spend them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

struct NamedRecipe {
  std::string preset;
  std::string recipe;

  friend bool operator==(const NamedRecipe&, const NamedRecipe&) = default;
};

// A picture of the operator's that recipes lay over others.
struct WatermarkPicture {
  std::string name;
  std::string bytes;
};

// A decoder program of a worker.
struct WorkerEngine {
  std::string program;
  std::string libvips;  // version
  std::vector<std::string> reads;
  std::vector<std::string> writes;

  friend bool operator==(const WorkerEngine&, const WorkerEngine&) = default;
};

struct WorkAssignment {
  std::string request_id;
  std::string image_id;
  Digest original;
  int64_t original_size = 0;
  std::vector<NamedRecipe> presets;
  std::vector<int> ladder;                   // common/recipe/ladder.h
  std::vector<WatermarkPicture> watermarks;  // those that the presets name
  int64_t max_pixels = 0;
  absl::Duration deadline = absl::Seconds(60);
};

struct WorkOutcome {
  enum class Kind {
    kDone,
    kBadImage,     // the image is at fault: do not retry
    kRetry,        // circumstances are at fault
    kDecoderDied,  // killed its decoder or ran into the deadline
    kNotBegun,     // refused, or no worker had started it
    kWorkerLost,   // the stream broke while it ran
  };
  Kind kind = Kind::kRetry;
  std::string message;      // for people, unless kDone
  ProcessingResult result;  // if kDone
};

struct WorkerStatus {
  std::string address;
  std::string id;
  std::string version;
  int streams = 0;
  int credits = 0;
  int running = 0;
  bool draining = false;
  std::vector<WorkerEngine> engines;
};

// Thread-safe. Callbacks run on threads that must not block.
class WorkerPool {
 public:
  virtual ~WorkerPool() = default;

  // `on_credit` runs whenever credits may have become available. Call once, first.
  virtual void Start(absl::AnyInvocable<void()> on_credit) = 0;

  // How many jobs could be sent now; workers grant credits accordingly.
  virtual void SetDemand(int jobs) = 0;

  // Credits held and not expired.
  virtual int Credits() = 0;

  // Spends a credit. `done` runs exactly once, with kNotBegun if no credit was left.
  virtual void Submit(WorkAssignment work, absl::AnyInvocable<void(WorkOutcome)> done) = 0;

  // Stops the work on this image, decoder included, if any runs; its callback gets kRetry.
  virtual void Cancel(const std::string& image_id) = 0;

  virtual std::vector<WorkerStatus> Workers() = 0;

  // Stops asking for credits and waits until nothing runs, at most `limit`; then cancels the rest,
  // whose callbacks get kWorkerLost. No callback runs after it returned.
  virtual void Drain(absl::Duration limit) = 0;
};

}  // namespace stockroom::api
