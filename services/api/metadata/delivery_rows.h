// Deliveries of webhooks as rows, alike in every SQL database (see image_rows.h). Every function
// runs within a transaction of its caller.
//
// Rows are read without a lock and written only if token and state are still those that were read:
// who leases, finishes or replays the same row at the same time finds that it was too late. With
// locking reads over the index on what leasing changes, concurrent leases would deadlock.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/webhook_store.h"
#include "services/api/metadata/webhook_rows.h"
#include "services/api/metadata/webhook_transitions.h"
#include "services/common/base/status.h"

// Column list for SELECT, in the order that ReadDeliveryRow expects.
#define SR_DELIVERY_COLUMNS                                                              \
  "webhook_id, event_id, type, image_id, owner, revision, event_time, state, attempts, " \
  "tries, last_status, last_error, last_attempt_time, available_time, create_time, "     \
  "queue_time, token"

namespace stockroom::api {

template <typename Query>
WebhookDelivery ReadDeliveryRow(const Query& row) {
  WebhookDelivery delivery{.webhook_id = row.Text(0),
                           .event_id = row.Text(1),
                           .type = row.Text(2),
                           .image_id = row.Text(3),
                           .owner = row.Text(4),
                           .revision = row.Integer(5),
                           .event_time = absl::FromUnixMicros(row.Integer(6)),
                           .state = static_cast<DeliveryState>(row.Integer(7)),
                           .attempts = static_cast<int32_t>(row.Integer(8)),
                           .tries = static_cast<int32_t>(row.Integer(9)),
                           .last_status = static_cast<int32_t>(row.Integer(10)),
                           .last_error = row.Text(11),
                           .available_time = absl::FromUnixMicros(row.Integer(13)),
                           .create_time = absl::FromUnixMicros(row.Integer(14)),
                           .queue_time = absl::FromUnixMicros(row.Integer(15)),
                           .token = row.Integer(16)};
  if (!row.IsNull(12)) delivery.last_attempt_time = absl::FromUnixMicros(row.Integer(12));
  return delivery;
}

template <typename Query>
absl::StatusOr<std::vector<WebhookDelivery>> ReadDeliveryRows(Query& query) {
  std::vector<WebhookDelivery> deliveries;
  while (query.Step()) deliveries.push_back(ReadDeliveryRow(query));
  SR_RETURN_IF_ERROR(query.status());
  return deliveries;
}

// NOT_FOUND.
template <typename Db>
absl::StatusOr<WebhookDelivery> FindDeliveryRow(Db& db, const std::string& webhook_id,
                                                const std::string& event_id) {
  auto query = db.Query("SELECT " SR_DELIVERY_COLUMNS
                        " FROM webhook_deliveries WHERE webhook_id = ? AND event_id = ?");
  if (query.Bind(webhook_id, event_id).Step()) return ReadDeliveryRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return NoSuchDelivery(event_id);
}

template <typename Db>
absl::Status InsertDeliveryRow(Db& db, const WebhookDelivery& d) {
  return db
      .Query("INSERT INTO webhook_deliveries (" SR_DELIVERY_COLUMNS
             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?)")
      .Bind(d.webhook_id, d.event_id, d.type, d.image_id, d.owner, d.revision,
            absl::ToUnixMicros(d.event_time), static_cast<int>(d.state), d.attempts, d.tries,
            d.last_status, d.last_error, absl::ToUnixMicros(d.available_time),
            absl::ToUnixMicros(d.create_time), absl::ToUnixMicros(d.queue_time), d.token)
      .Run();
}

// Writes `after` where `before` still stands; false if it does not.
template <typename Db>
absl::StatusOr<bool> ReplaceDeliveryRow(Db& db, const WebhookDelivery& before,
                                        const WebhookDelivery& after) {
  std::optional<int64_t> last_attempt;
  if (after.last_attempt_time) last_attempt = absl::ToUnixMicros(*after.last_attempt_time);
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE webhook_deliveries SET state = ?, attempts = ?, tries = ?, last_status = ?, "
               "last_error = ?, last_attempt_time = ?, available_time = ?, queue_time = ?, "
               "token = ? WHERE webhook_id = ? AND event_id = ? AND token = ? AND state = ?")
          .Bind(static_cast<int>(after.state), after.attempts, after.tries, after.last_status,
                after.last_error, last_attempt, absl::ToUnixMicros(after.available_time),
                absl::ToUnixMicros(after.queue_time), after.token, after.webhook_id, after.event_id,
                before.token, static_cast<int>(before.state))
          .Run());
  return db.Changes() > 0;
}

// At most `limit`.
template <typename Db>
absl::StatusOr<int> CountPendingRows(Db& db, const std::string& webhook_id, int limit) {
  auto query = db.Query(
      "SELECT COUNT(*) FROM (SELECT 1 FROM webhook_deliveries "
      "WHERE webhook_id = ? AND state = 1 LIMIT ?) AS pending");
  query.Bind(webhook_id, limit);
  if (!query.Step()) return query.status();
  return static_cast<int>(query.Integer(0));
}

template <typename Db>
absl::StatusOr<int> AdvanceReaderRow(Db& db, int64_t from, int64_t to,
                                     std::span<const NewDelivery> deliveries, int max_pending,
                                     absl::Time now) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE webhook_reader SET position = ? WHERE id = 1 AND position = ?")
          .Bind(to, from)
          .Run());
  if (db.Changes() == 0) return ReaderMoved();
  std::map<std::string, int> pending;
  int dead = 0;
  for (const NewDelivery& made : deliveries) {
    auto it = pending.find(made.webhook_id);
    if (it == pending.end()) {
      SR_ASSIGN_OR_RETURN(const int count, CountPendingRows(db, made.webhook_id, max_pending));
      it = pending.emplace(made.webhook_id, count).first;
    }
    WebhookDelivery delivery = PendingDelivery(made, now);
    if (it->second < max_pending) {
      ++it->second;
    } else {
      BecomeDead(delivery, kTooManyPending);
      ++dead;
    }
    SR_RETURN_IF_ERROR(InsertDeliveryRow(db, delivery));
  }
  return dead;
}

template <typename Db>
absl::StatusOr<WebhookDelivery> AddDeliveryRow(Db& db, const NewDelivery& made, int max_pending,
                                               absl::Time now) {
  SR_ASSIGN_OR_RETURN(const Webhook webhook, LockWebhookRow(db, made.webhook_id));
  if (webhook.disabled) return IsDisabled(webhook.id);
  SR_ASSIGN_OR_RETURN(const int pending, CountPendingRows(db, webhook.id, max_pending));
  if (pending >= max_pending) return TooManyPending(max_pending);
  WebhookDelivery delivery = PendingDelivery(made, now);
  SR_RETURN_IF_ERROR(InsertDeliveryRow(db, delivery));
  return delivery;
}

template <typename Db>
absl::StatusOr<std::vector<WaitingWebhook>> WaitingWebhookRows(Db& db) {
  std::vector<WaitingWebhook> waiting;
  auto query = db.Query(
      "SELECT id, (SELECT MIN(available_time) FROM webhook_deliveries "
      "WHERE webhook_id = webhooks.id AND state = 1) FROM webhooks WHERE disabled = 0 ORDER BY id");
  while (query.Step()) {
    if (!query.IsNull(1)) {
      waiting.push_back({query.Text(0), absl::FromUnixMicros(query.Integer(1))});
    }
  }
  SR_RETURN_IF_ERROR(query.status());
  return waiting;
}

template <typename Db>
absl::StatusOr<std::vector<WebhookDelivery>> LeaseDeliveryRows(Db& db,
                                                               const std::string& webhook_id,
                                                               int limit, absl::Time now,
                                                               absl::Duration lease) {
  std::vector<WebhookDelivery> due;
  {
    auto query = db.Query("SELECT " SR_DELIVERY_COLUMNS
                          " FROM webhook_deliveries WHERE webhook_id = ? AND state = 1 "
                          "AND available_time <= ? ORDER BY available_time, event_id LIMIT ?");
    query.Bind(webhook_id, absl::ToUnixMicros(now), std::max(limit, 0));
    SR_ASSIGN_OR_RETURN(due, ReadDeliveryRows(query));
  }
  // Everybody in the same order, or they would wait for each other.
  std::sort(due.begin(), due.end(), [](const WebhookDelivery& a, const WebhookDelivery& b) {
    return a.event_id < b.event_id;
  });
  std::vector<WebhookDelivery> leased;
  for (const WebhookDelivery& before : due) {
    WebhookDelivery after = before;
    BecomeLeased(after, now + lease);
    SR_ASSIGN_OR_RETURN(const bool mine, ReplaceDeliveryRow(db, before, after));
    if (mine) leased.push_back(std::move(after));
  }
  return leased;
}

template <typename Db>
absl::Status FinishAttemptRow(Db& db, const DeliveryRef& ref, const AttemptOutcome& outcome,
                              absl::Time now) {
  const absl::StatusOr<WebhookDelivery> before = FindDeliveryRow(db, ref.webhook_id, ref.event_id);
  if (absl::IsNotFound(before.status())) return DeliveryLeaseLost(ref);
  SR_RETURN_IF_ERROR(before.status());
  if (before->token != ref.token || before->state != DeliveryState::kPending) {
    return DeliveryLeaseLost(ref);
  }
  WebhookDelivery after = *before;
  BecomeAttempted(after, outcome, now);
  SR_ASSIGN_OR_RETURN(const bool held, ReplaceDeliveryRow(db, *before, after));
  return held ? absl::OkStatus() : DeliveryLeaseLost(ref);
}

template <typename Db>
absl::StatusOr<std::vector<WebhookDelivery>> ListDeliveryRows(Db& db, const DeliveryQuery& wanted) {
  // Greater than every id.
  const std::string before = wanted.before.empty() ? "~" : wanted.before;
  const int limit = std::max(wanted.limit, 0);
  if (wanted.state) {
    auto query = db.Query("SELECT " SR_DELIVERY_COLUMNS
                          " FROM webhook_deliveries WHERE webhook_id = ? AND state = ? "
                          "AND event_id < ? ORDER BY event_id DESC LIMIT ?");
    query.Bind(wanted.webhook_id, static_cast<int>(*wanted.state), before, limit);
    return ReadDeliveryRows(query);
  }
  auto query = db.Query("SELECT " SR_DELIVERY_COLUMNS
                        " FROM webhook_deliveries WHERE webhook_id = ? "
                        "AND event_id < ? ORDER BY event_id DESC LIMIT ?");
  query.Bind(wanted.webhook_id, before, limit);
  return ReadDeliveryRows(query);
}

// What the request names and is not pending, at most one more than its limit.
template <typename Db>
absl::StatusOr<std::vector<WebhookDelivery>> FindReplayable(
    Db& db, const WebhookStore::ReplayRequest& request) {
  if (!request.event_id.empty()) {
    SR_ASSIGN_OR_RETURN(WebhookDelivery one,
                        FindDeliveryRow(db, request.webhook_id, request.event_id));
    std::vector<WebhookDelivery> found;
    if (one.state != DeliveryState::kPending) found.push_back(std::move(one));
    return found;
  }
  auto query = db.Query("SELECT " SR_DELIVERY_COLUMNS
                        " FROM webhook_deliveries WHERE webhook_id = ? AND state = 3 "
                        "AND event_time >= ? ORDER BY event_id LIMIT ?");
  query.Bind(request.webhook_id, absl::ToUnixMicros(request.dead_since), request.limit + 1);
  return ReadDeliveryRows(query);
}

template <typename Db>
absl::StatusOr<WebhookStore::Replayed> ReplayDeliveryRows(
    Db& db, const WebhookStore::ReplayRequest& request, absl::Time now) {
  SR_ASSIGN_OR_RETURN(const Webhook webhook, LockWebhookRow(db, request.webhook_id));
  if (webhook.disabled) return IsDisabled(webhook.id);
  SR_ASSIGN_OR_RETURN(const std::vector<WebhookDelivery> found, FindReplayable(db, request));
  if (found.empty()) return WebhookStore::Replayed{};
  SR_ASSIGN_OR_RETURN(const int pending, CountPendingRows(db, webhook.id, request.max_pending));
  const int room = std::min(request.max_pending - pending, request.limit);
  if (room <= 0) return TooManyPending(request.max_pending);
  WebhookStore::Replayed replayed;
  for (const WebhookDelivery& before : found) {
    if (replayed.count == room) {
      replayed.more = true;
      break;
    }
    WebhookDelivery after = before;
    BecomeReplayed(after, now);
    SR_ASSIGN_OR_RETURN(const bool stood, ReplaceDeliveryRow(db, before, after));
    replayed.count += stood ? 1 : 0;
  }
  return replayed;
}

// However short the log is kept: what is pending stays, unless its webhook is gone or disabled and
// nobody will send it.
template <typename Db>
absl::StatusOr<int> TrimDeliveryRows(Db& db, absl::Time before, int limit) {
  std::vector<std::pair<std::string, std::string>> old;
  {
    auto query = db.Query(
        "SELECT webhook_id, event_id FROM webhook_deliveries WHERE queue_time < ? "
        "AND (state <> 1 OR NOT EXISTS (SELECT 1 FROM webhooks "
        "WHERE id = webhook_deliveries.webhook_id AND disabled = 0)) "
        "ORDER BY queue_time LIMIT ?");
    query.Bind(absl::ToUnixMicros(before), std::max(limit, 0));
    while (query.Step()) old.emplace_back(query.Text(0), query.Text(1));
    SR_RETURN_IF_ERROR(query.status());
  }
  for (const auto& [webhook_id, event_id] : old) {
    // Unless it was replayed since.
    SR_RETURN_IF_ERROR(db.Query("DELETE FROM webhook_deliveries WHERE webhook_id = ? "
                                "AND event_id = ? AND queue_time < ?")
                           .Bind(webhook_id, event_id, absl::ToUnixMicros(before))
                           .Run());
  }
  return static_cast<int>(old.size());
}

}  // namespace stockroom::api
