// Keeps the segments few, and near duplicates grouped.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/search/index_state.h"
#include "services/api/search/merge_policy.h"
#include "services/api/search/near_duplicates.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Small merges are done by whoever wrote, larger ones and the grouping by one thread in the
// background, which starts when there is something for it to do. A merge reads documents that may
// be deleted or counted meanwhile; when it ends, that is carried over before it is published.
// While state.loading only the background merges, and nothing is grouped.
// Thread-safe.
class Merger {
 public:
  Merger(IndexState& state, NearDuplicates& duplicates) : state_(state), duplicates_(duplicates) {}
  ~Merger() { Stop(); }

  // After a change. Merges what is small, and more if there are too many segments.
  void AfterChange();
  // Does here and now what the background would.
  void Settle();
  // Cancels what runs. Nothing is merged in the background afterwards. Idempotent.
  void Stop();

 private:
  // Documents merged by whoever wrote: some milliseconds.
  static constexpr uint64_t kSmall = 4096;
  static constexpr absl::Duration kBetweenGroupings = absl::Seconds(1);

  struct Job {
    std::vector<SegmentState> inputs;
  };
  std::optional<Job> Begin(uint64_t most);
  std::optional<Job> BeginSmallest();
  Job Claim(const Snapshot& now, const std::vector<size_t>& chosen) SR_REQUIRES(state_.mu);
  std::vector<SegmentSize> SizesOf(const Snapshot& now) SR_REQUIRES(state_.mu);
  // Another merge may begin with them, but not this one again if it was `refused`.
  void GiveUp(const Job& job, bool refused);
  void NoLongerBusy(const Segment* segment) SR_REQUIRES(state_.mu);
  void Run(const Job& job);
  // Publishes it in the place of its inputs.
  void Finish(const Job& job, const Merged& merged, SegmentState state);
  void CarryOver(const SegmentState& then, const SegmentState& now,
                 const std::vector<Doc>& new_docs, SegmentState& merged) SR_REQUIRES(state_.mu);
  bool HasWork();
  // Works out what searches will ask of large segments that came as they are: loaded ones.
  void WarmUp();
  void Work();

  IndexState& state_;
  NearDuplicates& duplicates_;
  std::atomic<bool> stopping_{false};
  Mutex start_mu_;
  bool started_ SR_GUARDED_BY(start_mu_) = false;
  // Inputs of merges that failed: not merged as long as all of them are there.
  std::vector<std::vector<std::shared_ptr<const Segment>>> refused_ SR_GUARDED_BY(state_.mu);
  BackgroundLoop loop_;
};

}  // namespace stockroom::api
