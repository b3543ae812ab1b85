#include "services/api/domain/completions.h"

#include <vector>

namespace stockroom::api {

void Completions::Wait(const std::string& image_id, absl::Time deadline,
                       absl::AnyInvocable<void(Why)> done) {
  MutexLock lock(mu_);
  const uint64_t serial = next_++;
  // Expire takes mu_, so a timer that is due at once waits until the waiter is in the map.
  const TimerQueue::Id timer =
      timers_.RunAt(deadline, [this, image_id, serial] { Expire(image_id, serial); });
  waiters_.emplace(std::pair{image_id, serial}, Waiter{timer, std::move(done)});
}

void Completions::Notify(const std::string& image_id) {
  std::vector<Waiter> ready;
  {
    MutexLock lock(mu_);
    auto it = waiters_.lower_bound({image_id, 0});
    while (it != waiters_.end() && it->first.first == image_id) {
      ready.push_back(std::move(it->second));
      it = waiters_.erase(it);
    }
  }
  for (Waiter& waiter : ready) {
    timers_.Cancel(waiter.timer);
    waiter.done(Why::kProcessed);
  }
}

void Completions::Expire(const std::string& image_id, uint64_t serial) {
  absl::AnyInvocable<void(Why)> done;
  {
    MutexLock lock(mu_);
    const auto it = waiters_.find({image_id, serial});
    if (it == waiters_.end()) return;
    done = std::move(it->second.done);
    waiters_.erase(it);
  }
  done(Why::kTimeout);
}

size_t Completions::waiting() const {
  MutexLock lock(mu_);
  return waiters_.size();
}

}  // namespace stockroom::api
