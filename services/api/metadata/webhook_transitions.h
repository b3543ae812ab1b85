// What each call of WebhookStore does to a delivery, free of any storage (see transitions.h).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/domain/webhook_store.h"

namespace stockroom::api {

inline constexpr char kTooManyPending[] = "too many deliveries were pending";
inline constexpr char kWebhookDisabled[] = "the webhook was disabled";

// Times as they are stored.
Webhook StoredWebhook(Webhook webhook);
WebhookDelivery PendingDelivery(const NewDelivery& made, absl::Time now);
// It never gets to be pending.
void BecomeDead(WebhookDelivery& delivery, const char* why);
void BecomeLeased(WebhookDelivery& delivery, absl::Time until);
void BecomeAttempted(WebhookDelivery& delivery, const AttemptOutcome& outcome, absl::Time now);
void BecomeReplayed(WebhookDelivery& delivery, absl::Time now);
// `edit` on a copy, of which it takes what an edit may change.
absl::StatusOr<Webhook> EditedWebhook(const Webhook& before, absl::Time now,
                                      const std::function<absl::Status(Webhook&)>& edit);

// NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED and ABORTED as WebhookStore promises them.
absl::Status NoSuchWebhook(const std::string& id);
absl::Status NoSuchDelivery(const std::string& event_id);
absl::Status TooManyWebhooks(int max);
absl::Status TooManyPending(int max);
absl::Status IsDisabled(const std::string& id);
absl::Status ReaderMoved();
absl::Status DeliveryLeaseLost(const DeliveryRef& ref);

}  // namespace stockroom::api
