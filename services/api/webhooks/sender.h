// Sends what is due to webhooks, and writes down what came of it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/webhooks/poster.h"
#include "services/api/webhooks/retry_plan.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Owns one thread, which talks to the database; requests are under way in the poster. Every api
// sends: a delivery is leased for one attempt, and if this process dies others take it over when
// the lease has run out. Each webhook has places of its own, so that one whose receiver is slow
// holds up nobody else; what is under way is bounded by places times webhooks.
//
// Metrics: stockroom_webhook_attempts_total{result=delivered|failed|dead},
// stockroom_webhook_attempt_seconds, stockroom_webhook_in_flight, stockroom_webhook_waiting
// (webhooks with something pending), stockroom_webhook_lag_seconds (how long the earliest due one
// waits).
class WebhookSender {
 public:
  struct Options {
    // Requests under way at once to each webhook, from this api.
    int concurrency = 4;
    // Of one attempt, from the lease to its record; longer than the poster's timeout.
    absl::Duration lease = absl::Seconds(25);
    // How often to look for what other apis queued.
    absl::Duration poll = absl::Seconds(1);
    RetryPlan retry;
    // The body. `image` is null if it is gone, or the webhook may not tell of it any more.
    std::function<std::string(const WebhookDelivery& delivery, const Image* image)> body;
  };
  // `clock` is that of leases (StoreClock). All must outlive it.
  WebhookSender(Options options, MetadataStore& store, Poster& poster, Clock& clock,
                Metrics& metrics);
  ~WebhookSender();

  void Start();
  // Something may be due. Never blocks.
  void Poke();
  // Begins nothing new, waits until what is under way has ended and is recorded, or `limit` is
  // over. What is not recorded by then is sent again, by others. Idempotent.
  void Stop(absl::Duration limit);

  // For the thread and for tests. Records what has ended, then sends what is due and has a place;
  // returns when the next is due, if that is known.
  absl::StatusOr<std::optional<absl::Time>> SendDue();
  absl::Status RecordEnded();
  // Waits until a request has ended, at most so long; true if one has.
  bool AwaitEnded(absl::Duration longest);

 private:
  struct Ended {
    WebhookDelivery delivery;
    std::string url;
    PostResult result;
  };
  struct Inbox {
    Mutex mu;
    CondVar wake;
    // Bounded by the places.
    std::deque<Ended> ended SR_GUARDED_BY(mu);
    int under_way SR_GUARDED_BY(mu) = 0;  // not yet in `ended`
    bool poked SR_GUARDED_BY(mu) = false;
    bool stopping SR_GUARDED_BY(mu) = false;
    absl::Duration stop_by SR_GUARDED_BY(mu);  // by BootTimeNow
  };

  void Run();
  absl::Status Send(const Webhook& webhook, std::vector<WebhookDelivery> leased);
  AttemptOutcome OutcomeOf(const Ended& ended) const;
  absl::Status Record(const Ended& ended);
  absl::Status DisableGone(const Ended& ended);
  // False once stopping with nothing left to wait for.
  bool Sleep(absl::Duration longest);

  const Options options_;
  MetadataStore& metadata_;
  WebhookStore& store_;
  Poster& poster_;
  Clock& clock_;
  Counter& delivered_total_;
  Counter& failed_total_;
  Counter& dead_total_;
  Histogram& seconds_;
  Gauge& in_flight_gauge_;
  Gauge& waiting_gauge_;
  Gauge& lag_gauge_;

  // Of the thread: places taken at each webhook.
  std::map<std::string, int> in_flight_;

  // Shared with the requests, which may end when this is gone.
  const std::shared_ptr<Inbox> inbox_;
  std::thread thread_;
};

}  // namespace stockroom::api
