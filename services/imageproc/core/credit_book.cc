#include "services/imageproc/core/credit_book.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace stockroom::imageproc {

CreditBook::CreditBook(int slots, absl::Duration ttl, Clock& clock, Metrics& metrics)
    : slots_(slots),
      ttl_(ttl),
      clock_(clock),
      offered_gauge_(metrics.GetGauge("stockroom_credits_offered", "Credits that may be spent.")),
      running_gauge_(metrics.GetGauge("stockroom_slots_running", "Slots taken by jobs.")) {
  metrics.GetGauge("stockroom_slots_total", "Size of the slot budget.").Set(slots);
}

uint64_t CreditBook::AddStream(Grant grant) {
  MutexLock lock(mu_);
  const uint64_t id = next_id_++;
  streams_[id].grant = std::move(grant);
  return id;
}

void CreditBook::RemoveStream(uint64_t stream) {
  MutexLock lock(mu_);
  streams_.erase(stream);
  GrantLocked();
}

void CreditBook::SetDemand(uint64_t stream, int jobs) {
  MutexLock lock(mu_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second.demand = std::clamp(jobs, 0, slots_);
  GrantLocked();
}

bool CreditBook::Spend(uint64_t stream, uint64_t credit) {
  MutexLock lock(mu_);
  ExpireLocked();
  const auto found = streams_.find(stream);
  const bool held = found != streams_.end() && found->second.credits.erase(credit) > 0;
  if (held) ++running_;
  GrantLocked();
  return held;
}

void CreditBook::Release() {
  MutexLock lock(mu_);
  --running_;
  if (running_ == 0) idle_.NotifyAll();
  GrantLocked();
}

void CreditBook::Expire() {
  MutexLock lock(mu_);
  ExpireLocked();
  GrantLocked();
}

void CreditBook::StopGranting() {
  MutexLock lock(mu_);
  stopped_ = true;
  for (auto& [id, stream] : streams_) stream.credits.clear();
  UpdateGauges();
}

int CreditBook::running() const {
  MutexLock lock(mu_);
  return running_;
}

bool CreditBook::WaitIdle(absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  MutexLock lock(mu_);
  while (running_ > 0) {
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    idle_.WaitFor(mu_, left);
  }
  return true;
}

void CreditBook::ExpireLocked() {
  const absl::Time now = clock_.Now();
  for (auto& [id, stream] : streams_) {
    std::erase_if(stream.credits, [now](const auto& credit) { return credit.second <= now; });
  }
}

int CreditBook::OfferedLocked() const {
  size_t offered = 0;
  for (const auto& [id, stream] : streams_) offered += stream.credits.size();
  return static_cast<int>(offered);
}

void CreditBook::GrantLocked() {
  std::map<uint64_t, std::vector<uint64_t>> granted;
  int free = stopped_ ? 0 : slots_ - running_ - OfferedLocked();
  const auto wants = [](const auto& entry) {
    return std::cmp_less(entry.second.credits.size(), entry.second.demand);
  };
  for (; free > 0; --free) {
    // The next one round the circle after the one served last.
    auto next = std::find_if(streams_.upper_bound(last_served_), streams_.end(), wants);
    if (next == streams_.end()) next = std::find_if(streams_.begin(), streams_.end(), wants);
    if (next == streams_.end()) break;
    const uint64_t credit = next_id_++;
    next->second.credits[credit] = clock_.Now() + ttl_;
    last_served_ = next->first;
    granted[next->first].push_back(credit);
  }
  UpdateGauges();
  for (auto& [stream, credits] : granted) streams_[stream].grant(std::move(credits));
}

void CreditBook::UpdateGauges() {
  offered_gauge_.Set(OfferedLocked());
  running_gauge_.Set(running_);
}

}  // namespace stockroom::imageproc
