// A bounded thread pool for work that blocks: SQL, disk, waiting for children.
#pragma once

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom {

// Thread-safe. Metrics (label executor=name): stockroom_executor_queued, _running, _rejected_total.
class Executor {
 public:
  struct Options {
    std::string name;  // also the threads' name, cut to 15 characters
    int threads = 4;
    // Tasks that wait for a thread; past it Submit says RESOURCE_EXHAUSTED.
    int max_queued = 1024;
  };
  Executor(Options options, Metrics& metrics);
  // Runs what was queued, then joins.
  ~Executor();

  // Queues `task`. RESOURCE_EXHAUSTED with a retry delay when the queue is full, UNAVAILABLE during
  // shutdown; `task` is then destroyed without having run.
  absl::Status Submit(absl::AnyInvocable<void()> task);

  // Queues `task` whatever the length of the queue: for the continuation of work that was admitted
  // already, whose number is bounded elsewhere. False during shutdown.
  bool SubmitAdmitted(absl::AnyInvocable<void()> task);

  // Refuses new tasks, runs the queued ones, joins the threads. Idempotent.
  void Shutdown();

 private:
  void Run();

  const Options options_;
  Gauge& queued_;
  Gauge& running_;
  Counter& rejected_;
  Mutex mu_;
  CondVar wake_;
  std::deque<absl::AnyInvocable<void()>> queue_ SR_GUARDED_BY(mu_);
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace stockroom
