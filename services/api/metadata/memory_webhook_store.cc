#include "services/api/metadata/memory_webhook_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "services/api/metadata/transitions.h"
#include "services/api/metadata/webhook_transitions.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class MemoryWebhookStore final : public WebhookStore {
 public:
  absl::Status CreateWebhook(const Webhook& webhook, int max) override {
    MutexLock lock(mu_);
    if (static_cast<int>(webhooks_.size()) >= max) return TooManyWebhooks(max);
    webhooks_[webhook.id] = StoredWebhook(webhook);
    return absl::OkStatus();
  }

  absl::StatusOr<Webhook> GetWebhook(const std::string& id) override {
    MutexLock lock(mu_);
    const auto it = webhooks_.find(id);
    if (it == webhooks_.end()) return NoSuchWebhook(id);
    return it->second;
  }

  absl::StatusOr<std::vector<Webhook>> ListWebhooks() override {
    MutexLock lock(mu_);
    std::vector<Webhook> all;
    for (auto it = webhooks_.rbegin(); it != webhooks_.rend(); ++it) all.push_back(it->second);
    return all;
  }

  absl::StatusOr<Webhook> UpdateWebhook(
      const std::string& id, absl::Time now,
      const std::function<absl::Status(Webhook&)>& edit) override {
    MutexLock lock(mu_);
    const auto it = webhooks_.find(id);
    if (it == webhooks_.end()) return NoSuchWebhook(id);
    SR_ASSIGN_OR_RETURN(Webhook after, EditedWebhook(it->second, now, edit));
    if (after.disabled && !it->second.disabled) {
      for (auto& [key, delivery] : deliveries_) {
        if (key.first != id || delivery.state != DeliveryState::kPending) continue;
        BecomeDead(delivery, kWebhookDisabled);
      }
    }
    it->second = after;
    return after;
  }

  absl::Status DeleteWebhook(const std::string& id) override {
    MutexLock lock(mu_);
    return webhooks_.erase(id) > 0 ? absl::OkStatus() : NoSuchWebhook(id);
  }

  absl::StatusOr<int64_t> ReaderPosition() override {
    MutexLock lock(mu_);
    return position_;
  }

  absl::StatusOr<int> AdvanceReader(int64_t from, int64_t to,
                                    std::span<const NewDelivery> deliveries, int max_pending,
                                    absl::Time now) override {
    MutexLock lock(mu_);
    if (position_ != from) return ReaderMoved();
    position_ = to;
    int dead = 0;
    for (const NewDelivery& made : deliveries) {
      WebhookDelivery delivery = PendingDelivery(made, now);
      if (Pending(made.webhook_id) >= max_pending) {
        BecomeDead(delivery, kTooManyPending);
        ++dead;
      }
      deliveries_.emplace(Key{made.webhook_id, made.event_id}, std::move(delivery));
    }
    return dead;
  }

  absl::StatusOr<WebhookDelivery> AddDelivery(const NewDelivery& made, int max_pending,
                                              absl::Time now) override {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckEnabled(made.webhook_id));
    if (Pending(made.webhook_id) >= max_pending) return TooManyPending(max_pending);
    const Key key{made.webhook_id, made.event_id};
    return deliveries_.emplace(key, PendingDelivery(made, now)).first->second;
  }

  absl::StatusOr<std::vector<WaitingWebhook>> WaitingWebhooks() override {
    MutexLock lock(mu_);
    std::map<std::string, absl::Time> first;
    for (const auto& [key, delivery] : deliveries_) {
      const auto webhook = webhooks_.find(key.first);
      if (webhook == webhooks_.end() || webhook->second.disabled) continue;
      if (delivery.state != DeliveryState::kPending) continue;
      const auto it = first.emplace(key.first, delivery.available_time).first;
      it->second = std::min(it->second, delivery.available_time);
    }
    std::vector<WaitingWebhook> waiting;
    for (const auto& [id, time] : first) waiting.push_back({id, time});
    return waiting;
  }

  absl::StatusOr<std::vector<WebhookDelivery>> LeaseDeliveries(const std::string& webhook_id,
                                                               int limit, absl::Time now,
                                                               absl::Duration lease) override {
    MutexLock lock(mu_);
    std::vector<WebhookDelivery*> due;
    for (auto& [key, delivery] : deliveries_) {
      if (key.first != webhook_id || delivery.state != DeliveryState::kPending) continue;
      if (delivery.available_time <= StoredTime(now)) due.push_back(&delivery);
    }
    std::stable_sort(due.begin(), due.end(), [](const auto* a, const auto* b) {
      return a->available_time < b->available_time;
    });
    due.resize(std::min(due.size(), static_cast<size_t>(std::max(limit, 0))));
    std::vector<WebhookDelivery> leased;
    for (WebhookDelivery* delivery : due) {
      BecomeLeased(*delivery, now + lease);
      leased.push_back(*delivery);
    }
    return leased;
  }

  absl::Status FinishAttempt(const DeliveryRef& ref, const AttemptOutcome& outcome,
                             absl::Time now) override {
    MutexLock lock(mu_);
    const auto it = deliveries_.find({ref.webhook_id, ref.event_id});
    const bool held = it != deliveries_.end() && it->second.token == ref.token &&
                      it->second.state == DeliveryState::kPending;
    if (!held) return DeliveryLeaseLost(ref);
    BecomeAttempted(it->second, outcome, now);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<WebhookDelivery>> ListDeliveries(const DeliveryQuery& query) override {
    MutexLock lock(mu_);
    std::vector<WebhookDelivery> page;
    for (auto it = deliveries_.rbegin(); it != deliveries_.rend(); ++it) {
      if (static_cast<int>(page.size()) >= query.limit) break;
      if (it->first.first != query.webhook_id) continue;
      if (!query.before.empty() && it->first.second >= query.before) continue;
      if (!query.state || it->second.state == *query.state) page.push_back(it->second);
    }
    return page;
  }

  absl::StatusOr<WebhookDelivery> GetDelivery(const std::string& webhook_id,
                                              const std::string& event_id) override {
    MutexLock lock(mu_);
    const auto it = deliveries_.find({webhook_id, event_id});
    if (it == deliveries_.end()) return NoSuchDelivery(event_id);
    return it->second;
  }

  absl::StatusOr<Replayed> ReplayDeliveries(const ReplayRequest& request, absl::Time now) override {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckEnabled(request.webhook_id));
    SR_ASSIGN_OR_RETURN(const std::vector<WebhookDelivery*> found, Replayable(request));
    if (found.empty()) return Replayed{};
    const int room = std::min(request.max_pending - Pending(request.webhook_id), request.limit);
    if (room <= 0) return TooManyPending(request.max_pending);
    Replayed replayed;
    replayed.count = std::min(room, static_cast<int>(found.size()));
    replayed.more = static_cast<int>(found.size()) > room;
    for (int i = 0; i < replayed.count; ++i) BecomeReplayed(*found[i], now);
    return replayed;
  }

  absl::StatusOr<int> TrimDeliveries(absl::Time before, int limit) override {
    MutexLock lock(mu_);
    int trimmed = 0;
    for (auto it = deliveries_.begin(); it != deliveries_.end() && trimmed < limit;) {
      const bool old =
          it->second.queue_time < StoredTime(before) &&
          (it->second.state != DeliveryState::kPending || !CheckEnabled(it->first.first).ok());
      trimmed += old ? 1 : 0;
      it = old ? deliveries_.erase(it) : std::next(it);
    }
    return trimmed;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // webhook and event

  absl::Status CheckEnabled(const std::string& id) SR_REQUIRES(mu_) {
    const auto it = webhooks_.find(id);
    if (it == webhooks_.end()) return NoSuchWebhook(id);
    return it->second.disabled ? IsDisabled(id) : absl::OkStatus();
  }

  int Pending(const std::string& webhook_id) SR_REQUIRES(mu_) {
    return static_cast<int>(
        std::count_if(deliveries_.begin(), deliveries_.end(), [&](const auto& entry) {
          return entry.first.first == webhook_id && entry.second.state == DeliveryState::kPending;
        }));
  }

  absl::StatusOr<std::vector<WebhookDelivery*>> Replayable(const ReplayRequest& request)
      SR_REQUIRES(mu_) {
    std::vector<WebhookDelivery*> found;
    if (!request.event_id.empty()) {
      const auto it = deliveries_.find({request.webhook_id, request.event_id});
      if (it == deliveries_.end()) return NoSuchDelivery(request.event_id);
      if (it->second.state != DeliveryState::kPending) found.push_back(&it->second);
      return found;
    }
    for (auto& [key, delivery] : deliveries_) {
      if (key.first == request.webhook_id && delivery.state == DeliveryState::kDead &&
          delivery.event_time >= StoredTime(request.dead_since)) {
        found.push_back(&delivery);
      }
    }
    return found;
  }

  Mutex mu_;
  std::map<std::string, Webhook> webhooks_ SR_GUARDED_BY(mu_);
  std::map<Key, WebhookDelivery> deliveries_ SR_GUARDED_BY(mu_);
  int64_t position_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace

std::unique_ptr<WebhookStore> NewMemoryWebhookStore() {
  return std::make_unique<MemoryWebhookStore>();
}

}  // namespace stockroom::api
