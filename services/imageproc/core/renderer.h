// Renditions on demand: equal requests share one computation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/call_context.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"
#include "services/imageproc/core/background_store.h"
#include "services/imageproc/core/rendition_maker.h"

namespace stockroom::imageproc {

// Thread-safe. Each who waits leaves at a deadline of its own; the work is stopped when the last
// one has left. It goes on for those who are left when the first one leaves.
//
// Renditions may be purged while one is made: it is then stored after the purge. That is no harm.
// It is what its key says, whoever may see the image is decided by the image, and if the original
// is gone the collector finds what is left under its digest.
//
// Metrics: stockroom_renders_total (label code), stockroom_renders_shared_total,
// stockroom_renders_running, and those of Executor ("render").
class Renderer {
 public:
  struct Options {
    // As many as admission lets in: each is a thread that fetches, waits for its slot or for its
    // decoder.
    int threads = 128;
    // For the work as a whole, whoever waits.
    absl::Duration max_time = absl::Minutes(1);
  };
  // All must outlive it.
  Renderer(const Options& options, RenditionMaker& maker, BackgroundStore& store, Metrics& metrics);
  // Drains.
  ~Renderer();

  using Done = absl::AnyInvocable<void(absl::StatusOr<MadeRendition>)>;
  // Never blocks. `done` runs exactly once and must not block, at the latest at the context's
  // deadline; it may run before this returns. Errors as in internal/render.proto.
  void Render(const CallContext& context, const internal::RenderRequest& request, Done done);

  // Refuses what is new (UNAVAILABLE, DRAINING), waits for what is under way, cancels it after
  // `limit`. Idempotent.
  void Drain(absl::Duration limit);

 private:
  using Key = std::pair<Digest, std::string>;  // original and rendition
  struct Waiter {
    Done done;
    std::unique_ptr<Cancellation::Registration> cancel;
    TimerQueue::Id overdue;
  };
  struct Work {
    CallContext context;
    std::map<uint64_t, Waiter> waiters;  // guarded by mu_; bounded by who calls
  };

  void Join(const CallContext& context, const Key& key, uint64_t id);
  void Leave(const Key& key, uint64_t id, const absl::Status& why);
  void Run(const RenderPlan& plan, const std::shared_ptr<Work>& work,
           RenditionMaker::Ticket ticket);
  void Answer(Waiter waiter, absl::StatusOr<MadeRendition> result);

  const Options options_;
  RenditionMaker& maker_;
  BackgroundStore& store_;
  Metrics& metrics_;
  Counter& shared_;
  Gauge& running_gauge_;

  Mutex mu_;
  CondVar idle_;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  uint64_t next_ SR_GUARDED_BY(mu_) = 1;
  int running_ SR_GUARDED_BY(mu_) = 0;  // also work that everybody has left
  std::map<Key, std::shared_ptr<Work>> works_ SR_GUARDED_BY(mu_);
  TimerQueue timers_;
  Executor executor_;
};

}  // namespace stockroom::imageproc
