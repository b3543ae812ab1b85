#include "services/api/workers/memory_worker_pool.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace stockroom::api {

void MemoryWorkerPool::Start(absl::AnyInvocable<void()> on_credit) {
  on_credit_ = std::move(on_credit);
}

void MemoryWorkerPool::SetDemand(int jobs) {
  MutexLock lock(mu_);
  demand_ = draining_ ? 0 : jobs;
}

int MemoryWorkerPool::demand() const {
  MutexLock lock(mu_);
  return demand_;
}

int MemoryWorkerPool::Credits() {
  MutexLock lock(mu_);
  return credits_;
}

void MemoryWorkerPool::Submit(WorkAssignment work, absl::AnyInvocable<void(WorkOutcome)> done) {
  {
    MutexLock lock(mu_);
    if (credits_ > 0 && !draining_) {
      --credits_;
      unseen_.push_back(work);
      running_.push_back({std::move(work), std::move(done)});
      submitted_.NotifyAll();
      return;
    }
  }
  done({.kind = WorkOutcome::Kind::kNotBegun, .message = "no worker has a free slot"});
}

void MemoryWorkerPool::Cancel(const std::string& image_id) {
  Finish(image_id, {.kind = WorkOutcome::Kind::kRetry, .message = "cancelled"});
}

std::vector<WorkerStatus> MemoryWorkerPool::Workers() {
  MutexLock lock(mu_);
  return {{.address = "memory",
           .id = "memory",
           .streams = 1,
           .credits = credits_,
           .running = static_cast<int>(running_.size()),
           .draining = draining_}};
}

void MemoryWorkerPool::Drain(absl::Duration) {
  std::vector<Running> lost;
  {
    MutexLock lock(mu_);
    draining_ = true;
    credits_ = 0;
    lost.swap(running_);
  }
  for (Running& job : lost) {
    job.done({.kind = WorkOutcome::Kind::kWorkerLost, .message = "the pool was drained"});
  }
}

void MemoryWorkerPool::GiveCredits(int credits) {
  {
    MutexLock lock(mu_);
    credits_ += credits;
  }
  on_credit_();
}

WorkAssignment MemoryWorkerPool::AwaitJob() {
  const absl::Time end = absl::Now() + absl::Seconds(10);
  MutexLock lock(mu_);
  while (unseen_.empty() && absl::Now() < end) submitted_.WaitFor(mu_, end - absl::Now());
  if (unseen_.empty()) return {};
  WorkAssignment work = std::move(unseen_.front());
  unseen_.pop_front();
  return work;
}

void MemoryWorkerPool::Finish(const std::string& image_id, WorkOutcome outcome) {
  Running job;
  {
    MutexLock lock(mu_);
    const auto it = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
      return running.work.image_id == image_id;
    });
    if (it == running_.end()) return;
    job = std::move(*it);
    running_.erase(it);
  }
  job.done(std::move(outcome));
}

}  // namespace stockroom::api
