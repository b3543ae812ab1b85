#include "services/api/auth/key_source.h"

#include <algorithm>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

Counter& Fetches(Metrics& metrics, const std::string& source, const char* result) {
  return metrics.GetCounter("stockroom_jwks_fetches_total",
                            "Looks at where the keys of tokens come from.",
                            {{"source", source}, {"result", result}});
}

}  // namespace

JwksSource::JwksSource(std::string name, Fetch fetch, JwksSourceOptions options, Metrics& metrics)
    : name_(std::move(name)),
      fetch_(std::move(fetch)),
      options_(options),
      fetched_(Fetches(metrics, name_, "ok")),
      unchanged_(Fetches(metrics, name_, "unchanged")),
      failed_(Fetches(metrics, name_, "error")),
      refused_(metrics.GetCounter(
          "stockroom_jwks_refresh_refused_total",
          "Tokens with unknown keys for which the origin was not asked again so soon.",
          {{"source", name_}})),
      keys_gauge_(metrics.GetGauge("stockroom_jwks_keys", "Keys that tokens are verified with.",
                                   {{"source", name_}})),
      last_good_gauge_(metrics.GetGauge("stockroom_jwks_last_good_seconds",
                                        "When the keys were last seen, as Unix time.",
                                        {{"source", name_}})),
      waiting_gauge_(metrics.GetGauge("stockroom_jwks_waiting",
                                      "Callers that wait for keys to be fetched.",
                                      {{"source", name_}})) {
  {
    MutexLock lock(mu_);
    state_.due = options_.clock->Now();
    state_.retry = options_.min_retry;
    state_.looking = true;  // whoever asks first waits for the first look
  }
  thread_ = std::thread([this] { Run(); });
}

JwksSource::~JwksSource() {
  {
    MutexLock lock(mu_);
    state_.stopping = true;
    wake_.NotifyAll();
  }
  thread_.join();
  std::vector<Done> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(state_.waiting);
  }
  for (Done& done : waiting) done(Unavailable("KEYS_UNAVAILABLE", "the server is shutting down"));
}

absl::StatusOr<JwkSetPtr> JwksSource::Known() {
  if (state_.keys != nullptr && options_.clock->Now() < state_.good_until) return state_.keys;
  return MakeStatus(absl::StatusCode::kUnavailable,
                    "tokens can not be verified now: their issuer's keys can not be fetched",
                    {.reason = "KEYS_UNAVAILABLE", .retry_after = options_.max_retry});
}

bool JwksSource::TakeWaiting(Done& done) {
  if (state_.waiting.size() >= options_.max_waiting) return false;
  state_.waiting.push_back(std::move(done));
  waiting_gauge_.Set(static_cast<int64_t>(state_.waiting.size()));
  return true;
}

JwkSetPtr JwksSource::Current() {
  MutexLock lock(mu_);
  return Known().value_or(nullptr);
}

void JwksSource::Get(Done done) {
  absl::StatusOr<JwkSetPtr> known;
  {
    MutexLock lock(mu_);
    known = Known();
    if (!known.ok() && state_.looking && TakeWaiting(done)) return;
    // The thread sleeps by another clock, which does not jump.
    if (IsDue()) wake_.NotifyAll();
  }
  done(std::move(known));
}

void JwksSource::GetNewer(const JwkSetPtr& seen, Done done) {
  absl::StatusOr<JwkSetPtr> known;
  {
    MutexLock lock(mu_);
    known = Known();
    const bool newer = known.ok() && *known != seen;
    const bool rested =
        IsDue() || options_.clock->Now() - state_.last_look >= options_.min_interval;
    if (!newer && (state_.looking || state_.asked || rested)) {
      if (!state_.looking) {
        state_.asked = true;
        wake_.NotifyAll();
      }
      if (TakeWaiting(done)) return;
    }
    if (!newer) refused_.Add();
  }
  done(std::move(known));
}

bool JwksSource::IsDue() const {
  // After the clock was set back nothing is known of how old the keys are.
  const absl::Time now = options_.clock->Now();
  return now >= state_.due || now < state_.last_look;
}

bool JwksSource::AwaitDue() {
  MutexLock lock(mu_);
  while (!state_.stopping) {
    if (state_.asked || IsDue()) {
      state_.asked = false;
      state_.looking = true;
      state_.last_look = options_.clock->Now();
      return true;
    }
    wake_.WaitFor(mu_, state_.due - options_.clock->Now());
  }
  return false;
}

void JwksSource::RecordGood(FetchedKeys found, absl::Time now) {
  (found.keys == state_.keys ? unchanged_ : fetched_).Add();
  state_.keys = std::move(found.keys);
  // Before they are stale, so that nobody waits.
  state_.due = now + found.fresh_for * 0.8;
  state_.good_until = now + std::max(found.fresh_for, options_.max_stale);
  state_.retry = options_.min_retry;
  state_.problem = absl::OkStatus();
  keys_gauge_.Set(static_cast<int64_t>(state_.keys->keys().size()));
  last_good_gauge_.Set(absl::ToUnixSeconds(now));
}

void JwksSource::RecordBad(const absl::Status& problem, absl::Time now) {
  failed_.Add();
  state_.problem = problem;
  state_.due = now + state_.retry;
  state_.retry = std::min(state_.retry * 2, options_.max_retry);
}

std::vector<JwksSource::Done> JwksSource::Record(absl::StatusOr<FetchedKeys> found) {
  const absl::Time now = options_.clock->Now();
  MutexLock lock(mu_);
  state_.looking = false;
  if (found.ok()) {
    RecordGood(*std::move(found), now);
  } else {
    RecordBad(found.status(), now);
  }
  waiting_gauge_.Set(0);
  return std::exchange(state_.waiting, {});
}

void JwksSource::LogLook(const JwkSetPtr& last, const absl::Status& problem,
                         const absl::StatusOr<FetchedKeys>& found) const {
  if (!found.ok()) {
    if (problem == found.status()) return;  // said once
    LogWarning("keys of tokens can not be fetched", {{"from", name_}, {"why", found.status()}});
    return;
  }
  if (!problem.ok()) LogInfo("keys of tokens are fetched again", {{"from", name_}});
  if (found->keys == last) return;
  LogInfo("keys of tokens", {{"from", name_}, {"keys", found->keys->keys().size()}});
  for (const std::string& why : found->keys->skipped()) {
    LogWarning("a key of tokens is not used", {{"from", name_}, {"why", why}});
  }
}

void JwksSource::Run() {
  const auto stop = [this] {
    MutexLock lock(mu_);
    return state_.stopping;
  };
  while (AwaitDue()) {
    JwkSetPtr last;
    absl::Status problem;
    {
      MutexLock lock(mu_);
      last = state_.keys;
      problem = state_.problem;
    }
    absl::StatusOr<FetchedKeys> found = fetch_(last, stop);
    LogLook(last, problem, found);
    std::vector<Done> waiting = Record(std::move(found));
    for (Done& done : waiting) {
      absl::StatusOr<JwkSetPtr> known;
      {
        MutexLock lock(mu_);
        known = Known();
      }
      done(std::move(known));
    }
  }
}

}  // namespace stockroom::api
