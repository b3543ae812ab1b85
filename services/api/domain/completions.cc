#include "services/api/domain/completions.h"

#include <vector>

namespace stockroom::api {

void Completions::Wait(const std::string& image_id, absl::Time deadline, Cancellation& cancellation,
                       absl::AnyInvocable<void(Why)> done) {
  Key key{image_id, 0};
  {
    MutexLock lock(mu_);
    key.second = next_++;
    // End takes mu_, so a timer that is due at once waits until the waiter is in the map.
    const TimerQueue::Id timer = timers_.RunAt(deadline, [this, key] { End(key, Why::kTimeout); });
    waiters_.emplace(key, Waiter{timer, std::move(done), nullptr});
  }
  auto on_cancel = cancellation.OnCancel([this, key] { End(key, Why::kCancelled); });
  MutexLock lock(mu_);
  const auto it = waiters_.find(key);
  if (it != waiters_.end()) std::swap(it->second.on_cancel, on_cancel);
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

void Completions::End(const Key& key, Why why) {
  Waiter waiter;
  {
    MutexLock lock(mu_);
    const auto it = waiters_.find(key);
    if (it == waiters_.end()) return;
    waiter = std::move(it->second);
    waiters_.erase(it);
  }
  timers_.Cancel(waiter.timer);
  waiter.done(why);
}

size_t Completions::waiting() const {
  MutexLock lock(mu_);
  return waiters_.size();
}

}  // namespace stockroom::api
