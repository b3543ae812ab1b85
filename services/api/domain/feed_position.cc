#include "services/api/domain/feed_position.h"

#include <string>
#include <vector>

#include "services/common/base/status.h"

namespace stockroom::api {

void FeedPosition::Advance(int64_t position) {
  std::vector<Waiter> there;
  {
    MutexLock lock(mu_);
    if (position <= position_) return;
    position_ = position;
    while (!waiters_.empty() && waiters_.begin()->first.first <= position) {
      there.push_back(std::move(waiters_.begin()->second));
      waiters_.erase(waiters_.begin());
    }
  }
  for (Waiter& waiter : there) {
    timers_.Cancel(waiter.timer);
    waiter.done(absl::OkStatus());
  }
}

void FeedPosition::Wait(int64_t position, const CallContext& context, Done done) {
  absl::Status now;
  Key key{position, 0};
  {
    MutexLock lock(mu_);
    if (position_ < position && waiters_.size() >= max_waiting_) {
      now = Overloaded("too many searches wait for the index; try again shortly", absl::Seconds(1));
    } else if (position_ < position) {
      key.second = ++next_;
      // End takes mu_, so a timer that is due at once waits until the waiter is in the map.
      const TimerQueue::Id timer = timers_.RunAt(context.deadline, [this, key] {
        End(key, MakeStatus(absl::StatusCode::kDeadlineExceeded,
                            "the search index is at feed position " + std::to_string(Get()) +
                                " and did not reach " + std::to_string(key.first) + " in time",
                            {.reason = "INDEX_BEHIND"}));
      });
      waiters_.emplace(key, Waiter{timer, std::move(done), nullptr});
    }
  }
  if (key.second == 0) return done(std::move(now));
  auto on_cancel = context.cancellation->OnCancel(
      [this, key] { End(key, absl::CancelledError("the caller is gone")); });
  MutexLock lock(mu_);
  const auto it = waiters_.find(key);
  if (it != waiters_.end()) std::swap(it->second.on_cancel, on_cancel);
}

void FeedPosition::End(const Key& key, absl::Status status) {
  Waiter waiter;
  {
    MutexLock lock(mu_);
    const auto it = waiters_.find(key);
    if (it == waiters_.end()) return;
    waiter = std::move(it->second);
    waiters_.erase(it);
  }
  timers_.Cancel(waiter.timer);
  waiter.done(std::move(status));
}

}  // namespace stockroom::api
