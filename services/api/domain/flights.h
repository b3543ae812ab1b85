// Work on renditions that is under way: who asks for what somebody else has asked for already waits
// for the same result.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/waiters.h"
#include "services/common/base/call_context.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blob_types.h"

namespace stockroom::api {

// What those are told whose work was voided by a purge.
inline constexpr char kPurged[] = "PURGED";
inline absl::Status PurgedMeanwhile() {
  return MakeStatus(absl::StatusCode::kAborted, "the image was changed meanwhile; ask again",
                    {.reason = kPurged});
}
inline bool IsPurgedMeanwhile(const absl::Status& status) {
  return absl::IsAborted(status) && DetailsOf(status).reason == kPurged;
}

// Each waiter has its own deadline and may leave; when the last one left, the work is cancelled.
// `Result` is cheap to copy. Thread-safe; callbacks run at once or on any thread and must not
// block.
template <typename Result>
class Flights {
 public:
  using Outcome = absl::StatusOr<Result>;
  using Done = absl::AnyInvocable<void(Outcome)>;
  // Begins the work; calls back once, at the latest at the context's deadline, and soon after the
  // context was cancelled.
  using Start = absl::AnyInvocable<void(const CallContext& context, Done done)>;

  struct Options {
    // Different results being made. Past it: RESOURCE_EXHAUSTED.
    int most = 256;
    // Callers who wait for any of them. Past it: RESOURCE_EXHAUSTED.
    size_t most_waiting = 384;
    // Longest that the work on one may take, however many wait for it.
    absl::Duration longest = absl::Seconds(30);
    // Told with RESOURCE_EXHAUSTED.
    absl::Duration retry_after = absl::Milliseconds(500);
    // Show how many; must outlive it. May be null.
    Gauge* flights = nullptr;
    Gauge* waiting = nullptr;
  };
  // `timers` must outlive it.
  Flights(Options options, TimerQueue& timers)
      : options_(options),
        waiters_(timers, {.most = options.most_waiting, .gauge = options.waiting}) {}

  // `done` runs once: with what the work comes to, or DEADLINE_EXCEEDED or CANCELLED by `context`,
  // RESOURCE_EXHAUSTED (RENDER_QUEUE_FULL), ABORTED (PURGED).
  void Join(const RenditionAddress& address, const CallContext& context, Start start, Done done) {
    bool first = false;
    const std::shared_ptr<Flight> flight = Board(address, context, &first);
    if (flight == nullptr) return done(Full());
    Done counted = [this, flight, done = std::move(done)](Outcome outcome) mutable {
      Leave(flight);
      done(std::move(outcome));
    };
    const bool waits = waiters_.Add(
        flight->id, context.deadline, *context.cancellation,
        {.late =
             [] {
               return Outcome(MakeStatus(absl::StatusCode::kDeadlineExceeded,
                                         "the picture was not made in time; try again shortly",
                                         {.reason = "RENDER_TIMEOUT"}));
             },
         .cancelled = Outcome(absl::CancelledError("the caller is gone"))},
        counted);
    if (!waits) counted(Full());
    if (first) {
      const auto finish = [this, flight](Outcome outcome) { Finish(flight, std::move(outcome)); };
      waits ? start(flight->context, finish) : finish(Full());
    } else {
      // It may have landed after boarding and before waiting.
      WakeIfLanded(flight);
    }
  }

  // The work on this original's renditions is void: whoever waits gets ABORTED (PURGED) and may ask
  // anew.
  void Abort(const Digest& original) {
    std::vector<std::shared_ptr<Flight>> aborted;
    {
      MutexLock lock(mu_);
      auto it = flights_.lower_bound({original, ""});
      for (; it != flights_.end() && it->first.first == original; it = flights_.erase(it)) {
        it->second->outcome = Outcome(PurgedMeanwhile());
        aborted.push_back(it->second);
      }
    }
    for (const auto& flight : aborted) {
      flight->context.cancellation->Cancel();
      WakeIfLanded(flight);
    }
  }

  // Cancels everything and waits until no work is under way. Nobody may join any more.
  void Drain() {
    std::vector<std::shared_ptr<Flight>> left;
    {
      MutexLock lock(mu_);
      for (const auto& [address, flight] : flights_) left.push_back(flight);
    }
    for (const auto& flight : left) flight->context.cancellation->Cancel();
    MutexLock lock(mu_);
    while (running_ > 0) landed_.Wait(mu_);
  }

  // Under way, also those that nobody waits for any more.
  int running() const {
    MutexLock lock(mu_);
    return running_;
  }
  size_t waiting() const { return waiters_.size(); }

 private:
  using Key = std::pair<Digest, std::string>;
  struct Flight {
    Key key;
    uint64_t id = 0;
    CallContext context;
    // Under Flights::mu_.
    int passengers = 0;
    std::optional<Outcome> outcome;
  };

  absl::Status Full() const {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "too many pictures are being made; try again shortly",
                      {.reason = "RENDER_QUEUE_FULL", .retry_after = options_.retry_after});
  }

  std::shared_ptr<Flight> Board(const RenditionAddress& address, const CallContext& context,
                                bool* first) {
    MutexLock lock(mu_);
    Key key{address.original, address.key};
    std::shared_ptr<Flight>& flight = flights_[key];
    if (flight == nullptr) {
      if (running_ >= options_.most) {
        flights_.erase(key);
        return nullptr;
      }
      *first = true;
      flight = std::make_shared<Flight>();
      flight->key = std::move(key);
      flight->id = next_++;
      flight->context = CallContext::WithTimeout(options_.longest);
      flight->context.request_id = context.request_id;
      flight->context.trace = context.trace;
      ++running_;
      Show();
    }
    ++flight->passengers;
    return flight;
  }

  void Leave(const std::shared_ptr<Flight>& flight) {
    {
      MutexLock lock(mu_);
      if (--flight->passengers > 0 || flight->outcome) return;
      Forget(flight);
    }
    flight->context.cancellation->Cancel();
  }

  void Finish(const std::shared_ptr<Flight>& flight, Outcome outcome) {
    {
      MutexLock lock(mu_);
      if (!flight->outcome) flight->outcome = std::move(outcome);
      Forget(flight);
    }
    WakeIfLanded(flight);
    MutexLock lock(mu_);
    --running_;
    Show();
    landed_.NotifyAll();
  }

  void WakeIfLanded(const std::shared_ptr<Flight>& flight) {
    std::optional<Outcome> outcome;
    {
      MutexLock lock(mu_);
      outcome = flight->outcome;
    }
    if (outcome) waiters_.Wake(flight->id, flight->id, *outcome);
  }

  // Who comes now begins anew.
  void Forget(const std::shared_ptr<Flight>& flight) SR_REQUIRES(mu_) {
    const auto it = flights_.find(flight->key);
    if (it != flights_.end() && it->second == flight) flights_.erase(it);
  }
  void Show() SR_REQUIRES(mu_) {
    if (options_.flights != nullptr) options_.flights->Set(running_);
  }

  const Options options_;
  Waiters<uint64_t, Outcome> waiters_;
  mutable Mutex mu_;
  CondVar landed_;
  std::map<Key, std::shared_ptr<Flight>> flights_ SR_GUARDED_BY(mu_);
  uint64_t next_ SR_GUARDED_BY(mu_) = 0;
  int running_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace stockroom::api
