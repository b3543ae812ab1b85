#include "services/common/base/timer.h"

#include <pthread.h>

#include "absl/time/clock.h"

namespace stockroom {

TimerQueue::TimerQueue()
    : thread_([this] {
        pthread_setname_np(pthread_self(), "timer");
        Run();
      }) {}

TimerQueue::~TimerQueue() { Stop(); }

void TimerQueue::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

TimerQueue::Id TimerQueue::RunAt(absl::Time when, absl::AnyInvocable<void()> callback) {
  MutexLock lock(mu_);
  const Id id{when, next_++};
  waiting_.emplace(id, std::move(callback));
  if (waiting_.begin()->first == id) changed_.NotifyAll();
  return id;
}

bool TimerQueue::Cancel(const Id& id) {
  MutexLock lock(mu_);
  return waiting_.erase(id) > 0;
}

void TimerQueue::Run() {
  for (;;) {
    absl::AnyInvocable<void()> due;
    {
      MutexLock lock(mu_);
      while (!stopping_) {
        if (waiting_.empty()) {
          changed_.Wait(mu_);
          continue;
        }
        const absl::Duration left = waiting_.begin()->first.first - absl::Now();
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitFor(mu_, left);
      }
      if (stopping_) return;
      due = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
    due();
  }
}

}  // namespace stockroom
