// Who may use a CPU next: the rules, without threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/recipe/cost.h"

namespace stockroom::imageproc {

enum class WorkClass {
  kInteractive,  // somebody looks at an empty frame
  kJob,          // an upload that was answered already
};

struct AdmissionOptions {
  // Decoders at one time. One more than jobs may have, so that a render never waits for a job.
  int slots = 3;
  int job_slots = 2;
  // From this cost on work counts as expensive. All expensive work together, jobs included, leaves
  // one slot free (if there is more than one), so that cheap work never waits for it to end. A
  // render from a rung takes 10 to 60 ms, one from a large original 100 ms and more.
  double expensive_ms = 100;
  // Renders that would wait longer are refused: their viewers would be gone.
  absl::Duration max_wait = absl::Seconds(5);
  // Renders that fetch, wait or run. Each is a thread that waits.
  int max_renders = 128;
  // Sources in memory of those that fetch, wait or run.
  int64_t max_held_bytes = int64_t{512} << 20;
  // Predicted memory of what runs. What is predicted to need more runs alone.
  int64_t max_running_bytes = int64_t{2} << 30;
};

// Served in the order of arrival plus predicted cost: what takes 4 s lets pass what comes up to 4 s
// later and takes no time, and after that nobody any more. So the cheap go first and nobody
// starves. Jobs let pass for kJobCourtesy more.
//
// Not thread-safe. Every method takes the time from its caller, which must not run backwards.
class AdmissionQueue {
 public:
  using Id = uint64_t;

  explicit AdmissionQueue(const AdmissionOptions& options) : options_(options) {}

  // Takes a place in the line. It is not served before Ready: first its source is fetched.
  // RESOURCE_EXHAUSTED (WORKER_BUSY) with the time after which the same work would be taken, if
  // nothing else comes. Jobs are never refused: credits bound them.
  absl::StatusOr<Id> Enter(const RenderCost& cost, int64_t held_bytes, WorkClass work,
                           absl::Time now);
  void Ready(Id id);
  // Gives the next its slot, if there is one for it. Call until nullopt after every change.
  std::optional<Id> StartNext(absl::Time now);
  // Ends what runs, or gives up a place.
  void Leave(Id id, absl::Time now);

  // How long work of this cost would wait for its slot, at the pace of late: other machines are
  // slower than the one that costs were measured on, and every machine is when it is shared.
  absl::Duration PredictWait(const RenderCost& cost, WorkClass work, absl::Time now) const;

  // Time that renders took of late for each second that was predicted.
  double pace() const;
  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return static_cast<int>(line_.size()); }
  // CPU time of what waits.
  absl::Duration waiting_work() const;
  int64_t held_bytes() const { return held_bytes_; }

 private:
  struct Work {
    RenderCost cost;
    int64_t held_bytes = 0;
    WorkClass work = WorkClass::kInteractive;
    absl::Time entered;
    absl::Time began;
    bool ready = false;
  };
  using Place = std::pair<absl::Time, Id>;  // smaller goes first

  bool IsExpensive(const Work& work) const {
    return work.work == WorkClass::kJob || work.cost.cpu_ms >= options_.expensive_ms;
  }
  int ExpensiveSlots() const { return options_.slots > 1 ? options_.slots - 1 : 1; }
  Place PlaceOf(Id id, const Work& work) const;
  bool HasSlotFor(const Work& work) const;
  bool HasMemoryFor(const Work& work) const;
  absl::Status Busy(std::string_view why, absl::Duration retry_after) const;

  const AdmissionOptions options_;
  Id next_ = 1;
  std::map<Id, Work> work_;  // all of them
  std::set<Place> line_;     // those that do not run
  std::set<Id> running_;     // at most options_.slots
  int renders_ = 0;          // in work_
  int running_jobs_ = 0;
  int running_expensive_ = 0;
  int64_t running_bytes_ = 0;
  int64_t held_bytes_ = 0;
  // Of renders that ended; older ones count for less and less. A second of each to begin with.
  absl::Duration predicted_ = absl::Seconds(1);
  absl::Duration taken_ = absl::Seconds(1);
};

}  // namespace stockroom::imageproc
