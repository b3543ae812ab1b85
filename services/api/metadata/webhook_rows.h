// Webhooks as rows, alike in every SQL database (see image_rows.h). Every function runs within a
// transaction of its caller.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/webhook_store.h"
#include "services/api/metadata/json_columns.h"
#include "services/api/metadata/sql_blob.h"
#include "services/api/metadata/webhook_transitions.h"
#include "services/common/base/status.h"

// Column list for SELECT, in the order that ReadWebhookRow expects.
#define SR_WEBHOOK_COLUMNS                                                                 \
  "id, url, types, filter_tags, filter_owner, label, disabled, disabled_reason, creator, " \
  "sees_all, after_position, secret, old_secret, old_secret_until, create_time, update_time"

namespace stockroom::api {

// DATA_LOSS if a column holds what Stockroom never wrote.
template <typename Query>
absl::StatusOr<Webhook> ReadWebhookRow(const Query& row) {
  Webhook webhook;
  webhook.id = row.Text(0);
  webhook.url = row.Text(1);
  SR_RETURN_IF_ERROR(ListFromJson(row.Text(2), webhook.types));
  SR_RETURN_IF_ERROR(ListFromJson(row.Text(3), webhook.filter.tags));
  webhook.filter.owner = row.Text(4);
  webhook.label = row.Text(5);
  webhook.disabled = row.Integer(6) != 0;
  webhook.disabled_reason = row.Text(7);
  webhook.creator = row.Text(8);
  webhook.sees_all = row.Integer(9) != 0;
  webhook.after_position = row.Integer(10);
  webhook.secret = row.Text(11);
  webhook.old_secret = row.Text(12);
  webhook.old_secret_until = absl::FromUnixMicros(row.Integer(13));
  webhook.create_time = absl::FromUnixMicros(row.Integer(14));
  webhook.update_time = absl::FromUnixMicros(row.Integer(15));
  return webhook;
}

template <typename Db>
absl::StatusOr<std::vector<Webhook>> ListWebhookRows(Db& db) {
  std::vector<Webhook> webhooks;
  auto query = db.Query("SELECT " SR_WEBHOOK_COLUMNS " FROM webhooks ORDER BY id DESC");
  while (query.Step()) {
    SR_ASSIGN_OR_RETURN(Webhook webhook, ReadWebhookRow(query));
    webhooks.push_back(std::move(webhook));
  }
  SR_RETURN_IF_ERROR(query.status());
  return webhooks;
}

// NOT_FOUND.
template <typename Db>
absl::StatusOr<Webhook> FindWebhookRow(Db& db, const std::string& id) {
  auto query = db.Query("SELECT " SR_WEBHOOK_COLUMNS " FROM webhooks WHERE id = ?");
  if (query.Bind(id).Step()) return ReadWebhookRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return NoSuchWebhook(id);
}

// The row, which nobody else changes until the transaction ends. NOT_FOUND.
template <typename Db>
absl::StatusOr<Webhook> LockWebhookRow(Db& db, const std::string& id) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE webhooks SET update_time = update_time WHERE id = ?").Bind(id).Run());
  return FindWebhookRow(db, id);
}

// Whoever makes a webhook or moves the reader waits for this.
template <typename Db>
absl::Status LockReaderRow(Db& db) {
  return db.Query("UPDATE webhook_reader SET position = position WHERE id = 1").Run();
}

template <typename Db>
absl::Status InsertWebhookRow(Db& db, const Webhook& webhook, int max) {
  SR_RETURN_IF_ERROR(LockReaderRow(db));
  {
    auto query = db.Query("SELECT COUNT(*) FROM webhooks");
    if (!query.Step()) return query.status();
    if (query.Integer(0) >= max) return TooManyWebhooks(max);
  }
  return db
      .Query("INSERT INTO webhooks (" SR_WEBHOOK_COLUMNS
             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(webhook.id, webhook.url, ToJson(webhook.types), ToJson(webhook.filter.tags),
            webhook.filter.owner, webhook.label, webhook.disabled ? 1 : 0, webhook.disabled_reason,
            webhook.creator, webhook.sees_all ? 1 : 0, webhook.after_position,
            SqlBlob{webhook.secret}, SqlBlob{webhook.old_secret},
            absl::ToUnixMicros(webhook.old_secret_until), absl::ToUnixMicros(webhook.create_time),
            absl::ToUnixMicros(webhook.update_time))
      .Run();
}

template <typename Db>
absl::StatusOr<Webhook> UpdateWebhookRow(Db& db, const std::string& id, absl::Time now,
                                         const std::function<absl::Status(Webhook&)>& edit) {
  SR_ASSIGN_OR_RETURN(const Webhook before, LockWebhookRow(db, id));
  SR_ASSIGN_OR_RETURN(const Webhook after, EditedWebhook(before, now, edit));
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE webhooks SET url = ?, types = ?, filter_tags = ?, filter_owner = ?, "
               "label = ?, disabled = ?, disabled_reason = ?, sees_all = ?, after_position = ?, "
               "secret = ?, old_secret = ?, old_secret_until = ?, update_time = ? WHERE id = ?")
          .Bind(after.url, ToJson(after.types), ToJson(after.filter.tags), after.filter.owner,
                after.label, after.disabled ? 1 : 0, after.disabled_reason, after.sees_all ? 1 : 0,
                after.after_position, SqlBlob{after.secret}, SqlBlob{after.old_secret},
                absl::ToUnixMicros(after.old_secret_until), absl::ToUnixMicros(after.update_time),
                id)
          .Run());
  if (after.disabled && !before.disabled) {
    SR_RETURN_IF_ERROR(db.Query("UPDATE webhook_deliveries SET state = 3, last_error = ? "
                                "WHERE webhook_id = ? AND state = 1")
                           .Bind(kWebhookDisabled, id)
                           .Run());
  }
  return after;
}

template <typename Db>
absl::Status DeleteWebhookRow(Db& db, const std::string& id) {
  SR_RETURN_IF_ERROR(db.Query("DELETE FROM webhooks WHERE id = ?").Bind(id).Run());
  return db.Changes() > 0 ? absl::OkStatus() : NoSuchWebhook(id);
}

template <typename Db>
absl::StatusOr<int64_t> ReaderRowPosition(Db& db) {
  auto query = db.Query("SELECT position FROM webhook_reader WHERE id = 1");
  if (!query.Step()) {
    SR_RETURN_IF_ERROR(query.status());
    return absl::InternalError("the table webhook_reader has lost its row");
  }
  return query.Integer(0);
}

}  // namespace stockroom::api
