#include "services/api/metadata/webhook_transitions.h"

#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

Webhook StoredWebhook(Webhook webhook) {
  webhook.create_time = StoredTime(webhook.create_time);
  webhook.update_time = StoredTime(webhook.update_time);
  webhook.old_secret_until = StoredTime(webhook.old_secret_until);
  return webhook;
}

WebhookDelivery PendingDelivery(const NewDelivery& made, absl::Time now) {
  return {.webhook_id = made.webhook_id,
          .event_id = made.event_id,
          .type = made.type,
          .image_id = made.image_id,
          .owner = made.owner,
          .revision = made.revision,
          .event_time = StoredTime(made.event_time),
          .available_time = StoredTime(now),
          .create_time = StoredTime(now),
          .queue_time = StoredTime(now)};
}

void BecomeDead(WebhookDelivery& delivery, const char* why) {
  delivery.state = DeliveryState::kDead;
  delivery.last_error = why;
}

void BecomeLeased(WebhookDelivery& delivery, absl::Time until) {
  delivery.available_time = StoredTime(until);
  ++delivery.token;
}

void BecomeAttempted(WebhookDelivery& delivery, const AttemptOutcome& outcome, absl::Time now) {
  delivery.state = outcome.state;
  ++delivery.attempts;
  ++delivery.tries;
  delivery.last_status = outcome.status;
  delivery.last_error = outcome.error;
  delivery.last_attempt_time = StoredTime(now);
  if (outcome.state == DeliveryState::kPending) {
    delivery.available_time = StoredTime(outcome.next_attempt);
  }
}

void BecomeReplayed(WebhookDelivery& delivery, absl::Time now) {
  delivery.state = DeliveryState::kPending;
  delivery.tries = 0;
  delivery.available_time = StoredTime(now);
  delivery.queue_time = StoredTime(now);
  ++delivery.token;
}

absl::StatusOr<Webhook> EditedWebhook(const Webhook& before, absl::Time now,
                                      const std::function<absl::Status(Webhook&)>& edit) {
  Webhook after = before;
  SR_RETURN_IF_ERROR(edit(after));
  after.id = before.id;
  after.creator = before.creator;
  after.create_time = before.create_time;
  after.update_time = now;
  return StoredWebhook(std::move(after));
}

absl::Status NoSuchWebhook(const std::string& id) {
  return NotFound("WEBHOOK_NOT_FOUND", "there is no webhook " + id);
}

absl::Status NoSuchDelivery(const std::string& event_id) {
  return NotFound("DELIVERY_NOT_FOUND", "this webhook has no delivery " + event_id);
}

absl::Status TooManyWebhooks(int max) {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    "there are " + std::to_string(max) +
                        " webhooks, as many as webhooks.max_webhooks allows; delete one",
                    {.reason = "TOO_MANY_WEBHOOKS"});
}

absl::Status TooManyPending(int max) {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    std::to_string(max) +
                        " deliveries of this webhook are pending, as many as webhooks.max_pending "
                        "allows; see to its receiver first",
                    {.reason = "TOO_MANY_PENDING", .retry_after = absl::Minutes(1)});
}

absl::Status IsDisabled(const std::string& id) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the webhook " + id + " is disabled; enable it first",
                    {.reason = "WEBHOOK_DISABLED"});
}

absl::Status ReaderMoved() {
  return MakeStatus(absl::StatusCode::kAborted, "another api has read the feed for webhooks",
                    {.reason = "READER_MOVED"});
}

absl::Status DeliveryLeaseLost(const DeliveryRef& ref) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the lease of delivery " + ref.event_id + " is not held any more",
                    {.reason = "LEASE_LOST"});
}

}  // namespace stockroom::api
