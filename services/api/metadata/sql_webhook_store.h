// WebhookStore on an SQL database: which transaction each call is. `Db` as in image_rows.h.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/domain/webhook_store.h"
#include "services/api/metadata/delivery_rows.h"
#include "services/api/metadata/webhook_rows.h"
#include "services/common/base/status.h"

namespace stockroom::api {

template <typename Db>
class SqlWebhookStore final : public WebhookStore {
 public:
  // Runs work in a transaction, perhaps more than once (only the last run counts), on any thread
  // while the caller waits.
  using Run = std::function<absl::Status(absl::FunctionRef<absl::Status(Db&)>)>;
  SqlWebhookStore(Run read, Run write) : read_(std::move(read)), write_(std::move(write)) {}

  absl::Status CreateWebhook(const Webhook& webhook, int max) override {
    const Webhook stored = StoredWebhook(webhook);
    return write_([&](Db& db) { return InsertWebhookRow(db, stored, max); });
  }
  absl::StatusOr<Webhook> GetWebhook(const std::string& id) override {
    return With<Webhook>(read_, [&](Db& db) { return FindWebhookRow(db, id); });
  }
  absl::StatusOr<std::vector<Webhook>> ListWebhooks() override {
    return With<std::vector<Webhook>>(read_, [](Db& db) { return ListWebhookRows(db); });
  }
  absl::StatusOr<Webhook> UpdateWebhook(
      const std::string& id, absl::Time now,
      const std::function<absl::Status(Webhook&)>& edit) override {
    return With<Webhook>(write_, [&](Db& db) { return UpdateWebhookRow(db, id, now, edit); });
  }
  absl::Status DeleteWebhook(const std::string& id) override {
    return write_([&](Db& db) { return DeleteWebhookRow(db, id); });
  }

  absl::StatusOr<int64_t> ReaderPosition() override {
    return With<int64_t>(read_, [](Db& db) { return ReaderRowPosition(db); });
  }
  absl::StatusOr<int> AdvanceReader(int64_t from, int64_t to,
                                    std::span<const NewDelivery> deliveries, int max_pending,
                                    absl::Time now) override {
    return With<int>(write_, [&](Db& db) {
      return AdvanceReaderRow(db, from, to, deliveries, max_pending, now);
    });
  }
  absl::StatusOr<WebhookDelivery> AddDelivery(const NewDelivery& delivery, int max_pending,
                                              absl::Time now) override {
    return With<WebhookDelivery>(
        write_, [&](Db& db) { return AddDeliveryRow(db, delivery, max_pending, now); });
  }

  absl::StatusOr<std::vector<WaitingWebhook>> WaitingWebhooks() override {
    return With<std::vector<WaitingWebhook>>(read_, [](Db& db) { return WaitingWebhookRows(db); });
  }
  absl::StatusOr<std::vector<WebhookDelivery>> LeaseDeliveries(const std::string& webhook_id,
                                                               int limit, absl::Time now,
                                                               absl::Duration lease) override {
    return With<std::vector<WebhookDelivery>>(
        write_, [&](Db& db) { return LeaseDeliveryRows(db, webhook_id, limit, now, lease); });
  }
  absl::Status FinishAttempt(const DeliveryRef& ref, const AttemptOutcome& outcome,
                             absl::Time now) override {
    return write_([&](Db& db) { return FinishAttemptRow(db, ref, outcome, now); });
  }

  absl::StatusOr<std::vector<WebhookDelivery>> ListDeliveries(const DeliveryQuery& query) override {
    return With<std::vector<WebhookDelivery>>(read_,
                                              [&](Db& db) { return ListDeliveryRows(db, query); });
  }
  absl::StatusOr<WebhookDelivery> GetDelivery(const std::string& webhook_id,
                                              const std::string& event_id) override {
    return With<WebhookDelivery>(read_,
                                 [&](Db& db) { return FindDeliveryRow(db, webhook_id, event_id); });
  }
  absl::StatusOr<Replayed> ReplayDeliveries(const ReplayRequest& request, absl::Time now) override {
    return With<Replayed>(write_, [&](Db& db) { return ReplayDeliveryRows(db, request, now); });
  }
  absl::StatusOr<int> TrimDeliveries(absl::Time before, int limit) override {
    return With<int>(write_, [&](Db& db) { return TrimDeliveryRows(db, before, limit); });
  }

 private:
  template <typename T>
  static absl::StatusOr<T> With(const Run& run, absl::FunctionRef<absl::StatusOr<T>(Db&)> work) {
    absl::StatusOr<T> result = absl::InternalError("the transaction did not run");
    SR_RETURN_IF_ERROR(run([&](Db& db) {
      result = work(db);
      return result.status();
    }));
    return result;
  }

  const Run read_;
  const Run write_;
};

}  // namespace stockroom::api
