// Groups near duplicates in the background.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/search/index_state.h"
#include "services/api/search/similar/clusters.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

class NearDuplicates {
 public:
  explicit NearDuplicates(IndexState& state) : state_(state) {}

  // Compares images that came since, at most kAtOnce, with all the others and among themselves, and
  // writes their clusters' numbers into the columns. False: there were none. Some 30 ms per million
  // images. Thread-safe: one after the other.
  bool Step(absl::FunctionRef<bool()> stopped);
  // As of the last step.
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kAtOnce = 8 * Clusters::kBlock;
  // Numbers written before writers get their turn: some milliseconds at most.
  static constexpr size_t kWrittenAtOnce = 1024;

  struct Fresh {
    uint32_t segment = 0;  // in the snapshot
    Doc doc = 0;
  };
  // What of a segment must not be taken for alone.
  struct Alone {
    const SegmentState& state;
    DocBits waiting;
    bool operator()(Doc doc) const;
  };
  struct Round {
    std::shared_ptr<const Snapshot> snapshot;
    std::vector<Fresh> fresh;
    std::vector<Alone> alone;  // by segment
    std::vector<uint32_t> left;
  };
  struct Numbered {
    Snapshot::Place place;
    uint32_t cluster = 0;
  };
  Round Begin();
  // Writes some numbers into the columns as they are by now: what was merged meanwhile is looked
  // for by its id, what was replaced has left its cluster.
  void Write(const Snapshot& then, std::span<const Numbered> numbers) SR_REQUIRES(mu_);

  IndexState& state_;
  Mutex mu_;
  Clusters clusters_ SR_GUARDED_BY(mu_);
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace stockroom::api
