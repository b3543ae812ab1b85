// WorkerPool in memory: the twin of GrpcWorkerPool, for tests.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "services/api/domain/worker_pool.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Thread-safe. A test hands out credits and finishes jobs; callbacks run on the thread that does.
class MemoryWorkerPool final : public WorkerPool {
 public:
  void Start(absl::AnyInvocable<void()> on_credit) override;
  void SetDemand(int jobs) override;
  int Credits() override;
  void Submit(WorkAssignment work, absl::AnyInvocable<void(WorkOutcome)> done) override;
  void Cancel(const std::string& image_id) override;
  std::vector<WorkerStatus> Workers() override;
  void Drain(absl::Duration limit) override;

  // ---- the worker's side ----

  void GiveCredits(int credits);
  // Waits for a job, at most ten seconds; an assignment without image id if none came.
  WorkAssignment AwaitJob();
  // Ends the oldest unfinished job of this image.
  void Finish(const std::string& image_id, WorkOutcome outcome);
  int demand() const;

 private:
  struct Running {
    WorkAssignment work;
    absl::AnyInvocable<void(WorkOutcome)> done;
  };

  mutable Mutex mu_;
  CondVar submitted_;
  absl::AnyInvocable<void()> on_credit_;  // set by Start, before any credit
  int demand_ SR_GUARDED_BY(mu_) = 0;
  int credits_ SR_GUARDED_BY(mu_) = 0;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  std::deque<WorkAssignment> unseen_ SR_GUARDED_BY(mu_);
  std::vector<Running> running_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
