// Webhooks and what is to be sent to them: an outbox of one row for each webhook and event. One
// seam for memory, SQLite and MySQL; tests/contract/metadata/webhook_contract.h says in detail what
// each must do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

// Type of the event that only TestWebhook makes.
inline constexpr char kWebhookTest[] = "webhook.test";

struct WebhookFilter {
  std::vector<std::string> tags;  // an image must have all of them
  std::string owner;              // empty: anybody's

  friend bool operator==(const WebhookFilter&, const WebhookFilter&) = default;
};

struct Webhook {
  std::string id;  // UUIDv7
  std::string url;
  std::vector<std::string> types;  // empty: all
  WebhookFilter filter;
  std::string label;
  bool disabled = false;
  std::string disabled_reason;  // set if Stockroom disabled it
  // Who made it, and whether they could find everybody's images: it tells of nothing else.
  std::string creator;
  bool sees_all = false;
  // Only events after this position of the feed are for it.
  int64_t after_position = 0;
  // Bytes that sign; never logged, never shown but in the answer that made them.
  std::string secret;
  // Signs too until `old_secret_until`; may be empty.
  std::string old_secret;
  absl::Time old_secret_until = absl::UnixEpoch();
  absl::Time create_time;
  absl::Time update_time;

  friend bool operator==(const Webhook&, const Webhook&) = default;
};

// Stored: never renumber.
enum class DeliveryState { kPending = 1, kDelivered = 2, kDead = 3 };

// An event for a webhook. Its name is (webhook_id, event_id).
struct WebhookDelivery {
  std::string webhook_id;
  std::string event_id;
  std::string type;
  std::string image_id;  // empty for webhook.test
  std::string owner;
  int64_t revision = 0;
  absl::Time event_time;

  DeliveryState state = DeliveryState::kPending;
  int32_t attempts = 0;  // that ended, of all replays
  int32_t tries = 0;     // that ended since it was made or replayed
  int32_t last_status = 0;
  std::string last_error;
  std::optional<absl::Time> last_attempt_time;
  // Pending: when it may be leased: at its next attempt, or when its lease has run out.
  absl::Time available_time;
  absl::Time create_time;
  // When it was made or replayed; what is kept is counted from here.
  absl::Time queue_time;
  // Fencing token: grows with every lease and replay.
  int64_t token = 0;

  friend bool operator==(const WebhookDelivery&, const WebhookDelivery&) = default;
};

// What the feed reader found to be for a webhook.
struct NewDelivery {
  std::string webhook_id;
  std::string event_id;
  std::string type;
  std::string image_id;
  std::string owner;
  int64_t revision = 0;
  absl::Time event_time;
};

// A webhook that is not disabled and has pending deliveries.
struct WaitingWebhook {
  std::string id;
  absl::Time first_available;  // of the earliest of them
};

struct DeliveryRef {
  std::string webhook_id;
  std::string event_id;
  int64_t token = 0;
};

// How an attempt ended.
struct AttemptOutcome {
  DeliveryState state = DeliveryState::kPending;  // from now on
  int32_t status = 0;                             // HTTP status, 0 without an answer
  std::string error;                              // empty if delivered; clean UTF-8
  absl::Time next_attempt;                        // if pending
};

struct DeliveryQuery {
  std::string webhook_id;
  std::optional<DeliveryState> state;
  std::string before;  // only event ids smaller than this; empty: all
  int limit = 50;
};

// Thread-safe and blocking, as MetadataStore. Each call is one transaction: it happens wholly and
// durably, or not at all. A call that fails with UNAVAILABLE or UNKNOWN may nevertheless have
// happened. Times are those of MetadataStore::ServerTime, kept in microseconds.
//
// Errors of every call: UNAVAILABLE (the database is away or busy for too long), INTERNAL.
class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // RESOURCE_EXHAUSTED (TOO_MANY_WEBHOOKS) if there are `max` already.
  virtual absl::Status CreateWebhook(const Webhook& webhook, int max) = 0;
  // NOT_FOUND (WEBHOOK_NOT_FOUND).
  virtual absl::StatusOr<Webhook> GetWebhook(const std::string& id) = 0;
  // All, the newest (greatest id) first.
  virtual absl::StatusOr<std::vector<Webhook>> ListWebhooks() = 0;
  // Reads, lets `edit` change everything but id, creator and times, writes. An error from `edit` is
  // returned and nothing changes. One that becomes disabled loses its pending deliveries: they are
  // DEAD. `edit` may run more than once and must not call the store. NOT_FOUND.
  virtual absl::StatusOr<Webhook> UpdateWebhook(
      const std::string& id, absl::Time now, const std::function<absl::Status(Webhook&)>& edit) = 0;
  // Its deliveries are not sent any more, and go when they are old. NOT_FOUND.
  virtual absl::Status DeleteWebhook(const std::string& id) = 0;

  // How far the feed was read for webhooks; 0 in the beginning.
  virtual absl::StatusOr<int64_t> ReaderPosition() = 0;
  // Moves the position and adds the deliveries of the events between, in one transaction. Where
  // more than `max_pending` of a webhook would be pending, the later ones are born DEAD; returns
  // how many were. ABORTED (READER_MOVED) if the position is not `from`: another reader was faster,
  // nothing changes.
  virtual absl::StatusOr<int> AdvanceReader(int64_t from, int64_t to,
                                            std::span<const NewDelivery> deliveries,
                                            int max_pending, absl::Time now) = 0;
  // One more delivery, besides the feed. NOT_FOUND (WEBHOOK_NOT_FOUND), FAILED_PRECONDITION
  // (WEBHOOK_DISABLED), RESOURCE_EXHAUSTED (TOO_MANY_PENDING).
  virtual absl::StatusOr<WebhookDelivery> AddDelivery(const NewDelivery& delivery, int max_pending,
                                                      absl::Time now) = 0;

  // Which webhooks have something to send, now or later.
  virtual absl::StatusOr<std::vector<WaitingWebhook>> WaitingWebhooks() = 0;
  // Leases pending deliveries of a webhook whose time has come until now + `lease`, the earliest
  // first; what others lease at the same moment is passed over.
  virtual absl::StatusOr<std::vector<WebhookDelivery>> LeaseDeliveries(
      const std::string& webhook_id, int limit, absl::Time now, absl::Duration lease) = 0;
  // FAILED_PRECONDITION (LEASE_LOST) if it is not pending under this token any more: nothing
  // changes.
  virtual absl::Status FinishAttempt(const DeliveryRef& ref, const AttemptOutcome& outcome,
                                     absl::Time now) = 0;

  // By event id, the greatest first.
  virtual absl::StatusOr<std::vector<WebhookDelivery>> ListDeliveries(
      const DeliveryQuery& query) = 0;
  // NOT_FOUND (DELIVERY_NOT_FOUND).
  virtual absl::StatusOr<WebhookDelivery> GetDelivery(const std::string& webhook_id,
                                                      const std::string& event_id) = 0;

  struct ReplayRequest {
    std::string webhook_id;
    std::string event_id;   // this one, dead or delivered; or, if empty,
    absl::Time dead_since;  // all dead ones of events since then, by event id
    int limit = 1000;       // of one call
    int max_pending = 10'000;
  };
  struct Replayed {
    int count = 0;
    bool more = false;  // stopped at limit or max_pending
  };
  // Pending anew, from the first attempt on; whoever sends an older lease of it can not record that
  // any more. What is pending stays as it is. NOT_FOUND (WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND),
  // FAILED_PRECONDITION (WEBHOOK_DISABLED), RESOURCE_EXHAUSTED (TOO_MANY_PENDING: not even one).
  virtual absl::StatusOr<Replayed> ReplayDeliveries(const ReplayRequest& request,
                                                    absl::Time now) = 0;
  // Forgets deliveries queued before `before` that are not still to be sent, the oldest first, at
  // most `limit`; returns how many.
  virtual absl::StatusOr<int> TrimDeliveries(absl::Time before, int limit) = 0;
};

}  // namespace stockroom::api
