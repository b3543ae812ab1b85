// Callers that wait for something, each with a deadline and a way to give up. Takes no thread.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

// `Key` is what they wait for, ordered; `Outcome` what they are told. Thread-safe. Callbacks run
// without the lock, at once or on any thread, each once; they must not block.
template <typename Key, typename Outcome>
class Waiters {
 public:
  using Done = absl::AnyInvocable<void(Outcome)>;
  struct Options {
    // More than so many at once are not taken.
    size_t most = std::numeric_limits<size_t>::max();
    // Shows how many wait; must outlive it. May be null.
    Gauge* gauge = nullptr;
  };
  // How it ends for one whom nobody wakes.
  struct Otherwise {
    std::function<Outcome()> late;
    Outcome cancelled;
  };

  // `timers` must outlive it.
  explicit Waiters(TimerQueue& timers, Options options = {}) : timers_(timers), options_(options) {}

  // False if too many wait; `done` is then as it was.
  bool Add(const Key& key, absl::Time deadline, Cancellation& cancellation, Otherwise otherwise,
           Done& done) {
    Place place{key, 0};
    {
      MutexLock lock(mu_);
      if (waiters_.size() >= options_.most) return false;
      place.second = next_++;
      // End takes mu_, so a timer that is due at once waits until the waiter is in the map.
      const TimerQueue::Id timer =
          timers_.RunAt(deadline, [this, place, late = otherwise.late] { End(place, late()); });
      waiters_.emplace(place, Waiter{timer, std::move(done), nullptr});
      Show();
    }
    auto on_cancel = cancellation.OnCancel(
        [this, place, cancelled = otherwise.cancelled] { End(place, cancelled); });
    MutexLock lock(mu_);
    const auto it = waiters_.find(place);
    if (it != waiters_.end()) std::swap(it->second.on_cancel, on_cancel);
    return true;
  }

  // Tells everybody who waits for `first` to `last`, inclusive.
  void Wake(const Key& first, const Key& last, const Outcome& outcome) {
    std::vector<Waiter> woken;
    {
      MutexLock lock(mu_);
      auto it = waiters_.lower_bound({first, 0});
      while (it != waiters_.end() && !(last < it->first.first)) {
        woken.push_back(std::move(it->second));
        it = waiters_.erase(it);
      }
      Show();
    }
    for (Waiter& waiter : woken) {
      timers_.Cancel(waiter.timer);
      waiter.done(outcome);
    }
  }

  size_t size() const {
    MutexLock lock(mu_);
    return waiters_.size();
  }

 private:
  struct Waiter {
    TimerQueue::Id timer;
    Done done;
    std::unique_ptr<Cancellation::Registration> on_cancel;
  };
  using Place = std::pair<Key, uint64_t>;  // and a serial number

  void End(const Place& place, Outcome outcome) {
    Waiter waiter;
    {
      MutexLock lock(mu_);
      const auto it = waiters_.find(place);
      if (it == waiters_.end()) return;
      waiter = std::move(it->second);
      waiters_.erase(it);
      Show();
    }
    timers_.Cancel(waiter.timer);
    waiter.done(std::move(outcome));
  }
  void Show() SR_REQUIRES(mu_) {
    if (options_.gauge != nullptr) options_.gauge->Set(static_cast<int64_t>(waiters_.size()));
  }

  TimerQueue& timers_;
  const Options options_;
  mutable Mutex mu_;
  uint64_t next_ SR_GUARDED_BY(mu_) = 0;
  std::map<Place, Waiter> waiters_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
