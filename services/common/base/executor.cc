#include "services/common/base/executor.h"

#include <pthread.h>

#include <utility>

#include "services/common/base/status.h"

namespace stockroom {

Executor::Executor(Options options, Metrics& metrics)
    : options_(std::move(options)),
      queued_(metrics.GetGauge("stockroom_executor_queued", "Tasks that wait for a thread.",
                               {{"executor", options_.name}})),
      running_(metrics.GetGauge("stockroom_executor_running", "Tasks that run now.",
                                {{"executor", options_.name}})),
      rejected_(metrics.GetCounter("stockroom_executor_rejected_total",
                                   "Tasks refused because the queue was full.",
                                   {{"executor", options_.name}})) {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
      Run();
    });
  }
}

Executor::~Executor() { Shutdown(); }

absl::Status Executor::Submit(absl::AnyInvocable<void()> task) {
  MutexLock lock(mu_);
  if (stopping_) return Unavailable("SHUTTING_DOWN", "the process is shutting down");
  if (static_cast<int>(queue_.size()) >= options_.max_queued) {
    rejected_.Add();
    return Overloaded("too many requests wait for " + options_.name + "; try again shortly",
                      absl::Milliseconds(200));
  }
  queue_.push_back(std::move(task));
  queued_.Set(static_cast<int64_t>(queue_.size()));
  wake_.NotifyOne();
  return absl::OkStatus();
}

bool Executor::SubmitAdmitted(absl::AnyInvocable<void()> task) {
  MutexLock lock(mu_);
  if (stopping_) return false;
  queue_.push_back(std::move(task));
  queued_.Set(static_cast<int64_t>(queue_.size()));
  wake_.NotifyOne();
  return true;
}

void Executor::Shutdown() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::Run() {
  for (;;) {
    absl::AnyInvocable<void()> task;
    {
      MutexLock lock(mu_);
      while (queue_.empty() && !stopping_) wake_.Wait(mu_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      queued_.Set(static_cast<int64_t>(queue_.size()));
    }
    running_.Add(1);
    task();
    running_.Add(-1);
  }
}

}  // namespace stockroom
