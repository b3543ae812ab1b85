// What people do with webhooks: make, change, test, look into the log, replay.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/webhook_store.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

inline constexpr size_t kMaxWebhookUrl = 2048;
inline constexpr size_t kMaxWebhookTags = 20;
inline constexpr size_t kMaxWebhookLabel = 255;  // bytes
inline constexpr absl::Duration kDefaultSecretGrace = absl::Hours(24);
inline constexpr absl::Duration kMaxSecretGrace = absl::Hours(24 * 7);

// Whether a webhook tells of an image of this owner and visibility at all: it knows what its maker
// could find by searching.
bool MayTell(const Webhook& webhook, const std::string& owner, Visibility visibility);

// Whether an event is for a webhook. `image` as it is now; null if it is gone. Nobody knows the
// tags of such a one any more: a filter of tags lets its deletion pass, and nothing else of it.
bool IsFor(const Webhook& webhook, const Event& event, const Image* image);

// "whsec_" and base64: the form in which secrets are handed out.
std::string SecretText(const std::string& secret);

enum class WebhookField { kUrl, kTypes, kFilter, kLabel, kDisabled };

// What a person may say about a webhook.
struct WebhookSpec {
  std::string url;
  std::vector<std::string> types;
  WebhookFilter filter;
  std::string label;
  bool disabled = false;
};

struct DeliveryPage {
  std::vector<WebhookDelivery> deliveries;
  std::string next_page_token;
};

// Thread-safe and blocking. Errors are listed in proto/stockroom/v1/webhooks.proto; and those of
// the store.
class Webhooks {
 public:
  struct Options {
    // Each costs a look at every event.
    int max_webhooks = 100;
    // For each webhook.
    int max_pending = 10'000;
    // INVALID_ARGUMENT unless it is a URL that would be sent to. Pure.
    std::function<absl::Status(const std::string& url)> check_url;
    // Something may be due. Must not block.
    std::function<void()> wake = [] {};
  };
  // `clock` is that of leases (StoreClock). All must outlive it.
  Webhooks(Options options, MetadataStore& store, Clock& clock);

  absl::StatusOr<Webhook> Create(const Principal& who, WebhookSpec spec);
  absl::StatusOr<std::vector<Webhook>> List();
  absl::StatusOr<Webhook> Get(const std::string& id);
  // As RotateSecret, PERMISSION_DENIED (SCOPE_MISSING) for a webhook that is told of images which
  // `who` may not see: it would tell whoever can point it elsewhere or sign for it.
  absl::StatusOr<Webhook> Update(const Principal& who, const std::string& id, WebhookSpec spec,
                                 const std::set<WebhookField>& fields);
  absl::Status Delete(const std::string& id);
  absl::StatusOr<Webhook> RotateSecret(const Principal& who, const std::string& id,
                                       absl::Duration grace);
  absl::StatusOr<WebhookDelivery> Test(const std::string& id);

  absl::StatusOr<DeliveryPage> ListDeliveries(const std::string& id,
                                              std::optional<DeliveryState> state, int page_size,
                                              const std::string& page_token);
  absl::StatusOr<WebhookDelivery> GetDelivery(const std::string& id, const std::string& event_id);
  // Exactly one of the two says which.
  absl::StatusOr<WebhookStore::Replayed> Replay(const std::string& id, const std::string& event_id,
                                                std::optional<absl::Time> dead_since);

 private:
  absl::Status Check(WebhookSpec& spec) const;

  const Options options_;
  MetadataStore& metadata_;
  WebhookStore& store_;
  Clock& clock_;
};

}  // namespace stockroom::api
