#include "services/api/events/event_log.h"

#include <algorithm>
#include <utility>

namespace stockroom::api {

EventLog::EventLog(Options options, Metrics& metrics)
    : options_(options),
      events_gauge_(metrics.GetGauge("stockroom_event_log_events",
                                     "Events held in memory for those who watch.")) {}

void EventLog::Append(std::span<const Event> events) {
  if (events.empty()) return;
  {
    MutexLock lock(mu_);
    for (const Event& event : events) {
      if (event.position <= last_) continue;
      ring_.push_back(event);
      last_ = event.position;
    }
    while (ring_.size() > options_.max_events) {
      before_ring_ = ring_.front().position;
      ring_.pop_front();
    }
    events_gauge_.Set(static_cast<int64_t>(ring_.size()));
  }
  WakeAll();
}

void EventLog::Restart(int64_t position) {
  {
    MutexLock lock(mu_);
    ring_.clear();
    before_ring_ = position;
    last_ = std::max(last_, position);
    started_ = true;
    events_gauge_.Set(0);
  }
  WakeAll();
}

EventLog::Batch EventLog::Read(int64_t position, size_t limit) const {
  MutexLock lock(mu_);
  Batch batch{.position = position};
  if (!started_ || position < before_ring_) {
    batch.behind = true;
    return batch;
  }
  const auto first =
      std::upper_bound(ring_.begin(), ring_.end(), position,
                       [](int64_t p, const Event& event) { return p < event.position; });
  for (auto it = first; it != ring_.end() && batch.events.size() < limit; ++it) {
    batch.events.push_back(*it);
    batch.position = it->position;
  }
  return batch;
}

std::optional<int64_t> EventLog::last() const {
  MutexLock lock(mu_);
  return started_ ? std::optional(last_) : std::nullopt;
}

uint64_t EventLog::WaitBeyond(int64_t position, absl::AnyInvocable<void()> callback) {
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = ++next_wait_;
    if (last_ <= position) {
      waits_.emplace(id, std::move(callback));
      return id;
    }
  }
  callback();
  return id;
}

void EventLog::CancelWait(uint64_t id) {
  absl::AnyInvocable<void()> dropped;  // destroyed outside of the lock
  MutexLock lock(mu_);
  const auto it = waits_.find(id);
  if (it == waits_.end()) return;
  dropped = std::move(it->second);
  waits_.erase(it);
}

size_t EventLog::waiting() const {
  MutexLock lock(mu_);
  return waits_.size();
}

// Everybody waits for "anything new", so all are woken.
void EventLog::WakeAll() {
  std::map<uint64_t, absl::AnyInvocable<void()>> woken;
  {
    MutexLock lock(mu_);
    woken.swap(waits_);
  }
  for (auto& [id, callback] : woken) callback();
}

}  // namespace stockroom::api
