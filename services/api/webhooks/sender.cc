#include "services/api/webhooks/sender.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <utility>

#include "services/api/domain/standard_webhooks.h"
#include "services/api/domain/webhooks.h"
#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kGone = 410;
constexpr char kGoneReason[] = "the receiver answered 410 Gone";

}  // namespace

WebhookSender::WebhookSender(Options options, MetadataStore& store, Poster& poster, Clock& clock,
                             Metrics& metrics)
    : options_(std::move(options)),
      metadata_(store),
      store_(store.webhooks()),
      poster_(poster),
      clock_(clock),
      delivered_total_(metrics.GetCounter("stockroom_webhook_attempts_total",
                                          "Attempts to deliver by this api, by what came of them.",
                                          {{"result", "delivered"}})),
      failed_total_(
          metrics.GetCounter("stockroom_webhook_attempts_total", "", {{"result", "failed"}})),
      dead_total_(metrics.GetCounter("stockroom_webhook_attempts_total", "", {{"result", "dead"}})),
      seconds_(metrics.GetHistogram("stockroom_webhook_attempt_seconds", "How long receivers took.",
                                    Histogram::LatencyBounds())),
      in_flight_gauge_(metrics.GetGauge("stockroom_webhook_in_flight",
                                        "Requests to receivers under way from this api.")),
      waiting_gauge_(
          metrics.GetGauge("stockroom_webhook_waiting", "Webhooks that have pending deliveries.")),
      lag_gauge_(metrics.GetGauge("stockroom_webhook_lag_seconds",
                                  "How long the delivery that is due longest has waited.")),
      inbox_(std::make_shared<Inbox>()) {}

WebhookSender::~WebhookSender() { Stop(absl::ZeroDuration()); }

void WebhookSender::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "webhook-send");
    Run();
  });
}

void WebhookSender::Poke() {
  MutexLock lock(inbox_->mu);
  inbox_->poked = true;
  inbox_->wake.NotifyAll();
}

void WebhookSender::Stop(absl::Duration limit) {
  {
    MutexLock lock(inbox_->mu);
    if (!inbox_->stopping) inbox_->stop_by = BootTimeNow() + limit;
    inbox_->stopping = true;
    inbox_->wake.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool WebhookSender::Sleep(absl::Duration longest) {
  MutexLock lock(inbox_->mu);
  const absl::Duration end = BootTimeNow() + longest;
  for (;;) {
    const absl::Duration now = BootTimeNow();
    if (inbox_->stopping &&
        ((inbox_->under_way == 0 && inbox_->ended.empty()) || now >= inbox_->stop_by))
      return false;
    if (inbox_->poked || !inbox_->ended.empty() || now >= end) break;
    inbox_->wake.WaitFor(inbox_->mu,
                         (inbox_->stopping ? std::min(end, inbox_->stop_by) : end) - now);
  }
  inbox_->poked = false;
  return true;
}

bool WebhookSender::AwaitEnded(absl::Duration longest) {
  MutexLock lock(inbox_->mu);
  const absl::Duration end = BootTimeNow() + longest;
  while (inbox_->ended.empty() && BootTimeNow() < end)
    inbox_->wake.WaitFor(inbox_->mu, end - BootTimeNow());
  return !inbox_->ended.empty();
}

void WebhookSender::Run() {
  Backoff backoff({.first = absl::Milliseconds(200), .longest = absl::Seconds(5)});
  absl::Duration pause;
  do {
    const absl::StatusOr<std::optional<absl::Time>> next = SendDue();
    pause = options_.poll;
    if (!next.ok()) {
      LogWarning("webhooks can not be served", {{"error", next.status()}});
      // What has ended waits for its record: no hurry that would wake this at once.
      absl::SleepFor(backoff.Next());
      continue;
    }
    backoff.Reset();
    if (*next) pause = std::clamp(**next - clock_.Now(), absl::Milliseconds(1), options_.poll);
  } while (Sleep(pause));
}

absl::StatusOr<std::optional<absl::Time>> WebhookSender::SendDue() {
  SR_RETURN_IF_ERROR(RecordEnded());
  {
    MutexLock lock(inbox_->mu);
    if (inbox_->stopping) return std::optional<absl::Time>();
  }
  SR_ASSIGN_OR_RETURN(const std::vector<WaitingWebhook> waiting, store_.WaitingWebhooks());
  waiting_gauge_.Set(static_cast<int64_t>(waiting.size()));
  std::optional<absl::Time> next;
  absl::Duration lag;
  for (const WaitingWebhook& one : waiting) {
    const absl::Time now = clock_.Now();
    lag = std::max(lag, now - one.first_available);
    const int places = options_.concurrency - in_flight_[one.id];
    if (places <= 0) continue;  // the end of one of its requests wakes
    if (one.first_available > now) {
      next = std::min(next.value_or(one.first_available), one.first_available);
      continue;
    }
    const absl::StatusOr<Webhook> webhook = store_.GetWebhook(one.id);
    if (absl::IsNotFound(webhook.status())) continue;
    SR_RETURN_IF_ERROR(webhook.status());
    if (webhook->disabled) continue;
    SR_ASSIGN_OR_RETURN(std::vector<WebhookDelivery> leased,
                        store_.LeaseDeliveries(one.id, places, now, options_.lease));
    SR_RETURN_IF_ERROR(Send(*webhook, std::move(leased)));
  }
  lag_gauge_.Set(absl::ToInt64Seconds(lag));
  std::erase_if(in_flight_, [](const auto& entry) { return entry.second == 0; });
  return next;
}

absl::Status WebhookSender::Send(const Webhook& webhook, std::vector<WebhookDelivery> leased) {
  std::set<std::string> ids;
  for (const WebhookDelivery& delivery : leased) {
    if (!delivery.image_id.empty()) ids.insert(delivery.image_id);
  }
  const std::vector<std::string> wanted(ids.begin(), ids.end());
  SR_ASSIGN_OR_RETURN(const std::vector<Image> images, metadata_.GetImages(wanted));
  for (WebhookDelivery& delivery : leased) {
    const auto it = std::find_if(images.begin(), images.end(),
                                 [&](const Image& image) { return image.id == delivery.image_id; });
    const bool tell = it != images.end() && delivery.type != kImageDeleted &&
                      MayTell(webhook, it->owner, SeenAs(*it));
    PostRequest request{.url = webhook.url, .body = options_.body(delivery, tell ? &*it : nullptr)};
    const absl::Time now = clock_.Now();
    request.headers = {
        "content-type: application/json", "webhook-id: " + delivery.event_id,
        "webhook-timestamp: " + std::to_string(absl::ToUnixSeconds(now)),
        "webhook-signature: " + SignaturesOf(webhook, delivery.event_id, now, request.body)};
    ++in_flight_[webhook.id];
    in_flight_gauge_.Add(1);
    {
      MutexLock lock(inbox_->mu);
      ++inbox_->under_way;
    }
    poster_.Post(std::move(request), [inbox = inbox_, delivery = std::move(delivery),
                                      url = webhook.url](PostResult result) mutable {
      MutexLock lock(inbox->mu);
      --inbox->under_way;
      inbox->ended.push_back({std::move(delivery), std::move(url), std::move(result)});
      inbox->wake.NotifyAll();
    });
  }
  return absl::OkStatus();
}

absl::Status WebhookSender::RecordEnded() {
  for (;;) {
    Ended ended;
    {
      MutexLock lock(inbox_->mu);
      if (inbox_->ended.empty()) return absl::OkStatus();
      ended = std::move(inbox_->ended.front());
      inbox_->ended.pop_front();
    }
    const absl::Status status = Record(ended);
    // While the database is away nothing is lost; what it will never take is sent anew after the
    // lease.
    if (absl::IsUnavailable(status) || absl::IsUnknown(status) ||
        absl::IsResourceExhausted(status)) {
      MutexLock lock(inbox_->mu);
      inbox_->ended.push_front(std::move(ended));
      return status;
    }
    if (!status.ok()) {
      LogWarning("what came of a webhook's delivery can not be recorded",
                 {{"delivery", ended.delivery.event_id}, {"error", status}});
    }
    --in_flight_[ended.delivery.webhook_id];
    in_flight_gauge_.Add(-1);
  }
}

AttemptOutcome WebhookSender::OutcomeOf(const Ended& ended) const {
  const PostResult& result = ended.result;
  AttemptOutcome outcome{.status = result.status};
  if (result.status >= 200 && result.status < 300) {
    outcome.state = DeliveryState::kDelivered;
    return outcome;
  }
  outcome.error = result.status == 0 ? result.error : "HTTP " + std::to_string(result.status);
  if (result.status >= 300 && result.status < 400) outcome.error += "; redirects are not followed";
  const std::optional<absl::Duration> wait =
      result.status == kGone
          ? std::nullopt
          : options_.retry.WaitAfter(ended.delivery.tries + 1, result.retry_after);
  outcome.state = wait ? DeliveryState::kPending : DeliveryState::kDead;
  if (wait) outcome.next_attempt = clock_.Now() + *wait;
  return outcome;
}

absl::Status WebhookSender::Record(const Ended& ended) {
  const WebhookDelivery& delivery = ended.delivery;
  const AttemptOutcome outcome = OutcomeOf(ended);
  const absl::Status status = store_.FinishAttempt(
      {delivery.webhook_id, delivery.event_id, delivery.token}, outcome, clock_.Now());
  // It was disabled, replayed, or took longer than its lease: somebody else sees to it.
  const bool lost = DetailsOf(status).reason == "LEASE_LOST";
  if (!status.ok() && !lost) return status;
  if (ended.result.status == kGone) SR_RETURN_IF_ERROR(DisableGone(ended));
  seconds_.Observe(absl::ToDoubleSeconds(ended.result.took));
  if (outcome.state == DeliveryState::kDelivered) {
    delivered_total_.Add();
    return absl::OkStatus();
  }
  const bool dead = outcome.state == DeliveryState::kDead;
  (dead ? dead_total_ : failed_total_).Add();
  LogInfo(dead ? "a webhook's delivery was given up" : "a webhook's delivery failed",
          {{"webhook", delivery.webhook_id},
           {"delivery", delivery.event_id},
           {"tries", delivery.tries + 1},
           {"error", outcome.error}});
  return absl::OkStatus();
}

absl::Status WebhookSender::DisableGone(const Ended& ended) {
  const absl::StatusOr<Webhook> disabled =
      store_.UpdateWebhook(ended.delivery.webhook_id, clock_.Now(), [&](Webhook& webhook) {
        // Unless somebody has given it another address meanwhile.
        if (webhook.disabled || webhook.url != ended.url) return absl::OkStatus();
        webhook.disabled = true;
        webhook.disabled_reason = kGoneReason;
        return absl::OkStatus();
      });
  return absl::IsNotFound(disabled.status()) ? absl::OkStatus() : disabled.status();
}

}  // namespace stockroom::api
