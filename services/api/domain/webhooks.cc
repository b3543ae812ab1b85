#include "services/api/domain/webhooks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "services/api/domain/validation.h"
#include "services/common/base/ids.h"
#include "services/common/base/random.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

absl::Status CheckTypes(std::vector<std::string>& types) {
  for (const std::string& type : types) SR_RETURN_IF_ERROR(CheckEventType(type));
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  return absl::OkStatus();
}

absl::Status CheckFilter(const WebhookFilter& filter) {
  if (filter.tags.size() > kMaxWebhookTags) {
    return InvalidField("filter.tags", "expected at most " + std::to_string(kMaxWebhookTags));
  }
  for (const std::string& tag : filter.tags) {
    if (tag.empty() || !IsCleanUtf8(tag) || Utf8Length(tag) > kMaxTag) {
      return InvalidField("filter.tags",
                          "a tag has 1 to " + std::to_string(kMaxTag) + " characters of UTF-8");
    }
  }
  if (filter.owner.size() > 255 || !IsCleanUtf8(filter.owner)) {
    return InvalidField("filter.owner", "expected at most 255 bytes of UTF-8");
  }
  return absl::OkStatus();
}

bool HasTags(const Image& image, const std::vector<std::string>& wanted) {
  const std::vector<std::string>& tags = image.described.tags;
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
}

absl::Status CheckMayHandle(const Principal& who, const Webhook& webhook) {
  const bool theirs = webhook.creator == who.subject && !webhook.sees_all;
  if (theirs || who.scopes.Has(Scope::kModerate)) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kPermissionDenied,
                    "this webhook is told of images that you may not see; it takes the scope "
                    "images:moderate to change it",
                    {.reason = "SCOPE_MISSING", .metadata = {{"scope", "images:moderate"}}});
}

}  // namespace

bool MayTell(const Webhook& webhook, const std::string& owner, Visibility visibility) {
  Principal maker{.subject = webhook.creator, .anonymous = false, .scopes = Scope::kRead};
  if (webhook.sees_all) maker.scopes = maker.scopes | Scope::kModerate;
  return MayFind(maker, owner, visibility);
}

bool IsFor(const Webhook& webhook, const Event& event, const Image* image) {
  if (webhook.disabled || event.position <= webhook.after_position) return false;
  const std::vector<std::string>& types = webhook.types;
  if (!types.empty() && std::find(types.begin(), types.end(), event.type) == types.end()) {
    return false;
  }
  if (!webhook.filter.owner.empty() && webhook.filter.owner != event.owner) return false;
  if (!MayTell(webhook, event.owner, event.visibility)) return false;
  if (image == nullptr) return event.type == kImageDeleted || webhook.filter.tags.empty();
  return MayTell(webhook, image->owner, SeenAs(*image)) && HasTags(*image, webhook.filter.tags);
}

std::string SecretText(const std::string& secret) { return "whsec_" + absl::Base64Escape(secret); }

Webhooks::Webhooks(Options options, MetadataStore& store, Clock& clock)
    : options_(std::move(options)), metadata_(store), store_(store.webhooks()), clock_(clock) {}

absl::Status Webhooks::Check(WebhookSpec& spec) const {
  SR_RETURN_IF_ERROR(CheckTypes(spec.types));
  SR_RETURN_IF_ERROR(CheckFilter(spec.filter));
  if (spec.label.size() > kMaxWebhookLabel || !IsCleanUtf8(spec.label)) {
    return InvalidField("label",
                        "expected at most " + std::to_string(kMaxWebhookLabel) + " bytes of UTF-8");
  }
  return absl::OkStatus();
}

absl::StatusOr<Webhook> Webhooks::Create(const Principal& who, WebhookSpec spec) {
  SR_RETURN_IF_ERROR(Check(spec));
  SR_RETURN_IF_ERROR(options_.check_url(spec.url));
  std::string secret = RandomBytes(kSecretBytes);
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, metadata_.GetFeedRange());
  const absl::Time now = clock_.Now();
  const Webhook webhook{.id = NewUuidV7(now),
                        .url = std::move(spec.url),
                        .types = std::move(spec.types),
                        .filter = std::move(spec.filter),
                        .label = std::move(spec.label),
                        .creator = who.subject,
                        .sees_all = who.scopes.Has(Scope::kModerate),
                        .after_position = range.last,
                        .secret = std::move(secret),
                        .create_time = now,
                        .update_time = now};
  SR_RETURN_IF_ERROR(store_.CreateWebhook(webhook, options_.max_webhooks));
  return webhook;
}

absl::StatusOr<std::vector<Webhook>> Webhooks::List() { return store_.ListWebhooks(); }

absl::StatusOr<Webhook> Webhooks::Get(const std::string& id) { return store_.GetWebhook(id); }

absl::StatusOr<Webhook> Webhooks::Update(const Principal& who, const std::string& id,
                                         WebhookSpec spec, const std::set<WebhookField>& fields) {
  SR_RETURN_IF_ERROR(Check(spec));
  if (fields.contains(WebhookField::kUrl)) SR_RETURN_IF_ERROR(options_.check_url(spec.url));
  // What happened while it was disabled is not for it.
  int64_t last = 0;
  if (fields.contains(WebhookField::kDisabled) && !spec.disabled) {
    SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, metadata_.GetFeedRange());
    last = range.last;
  }
  return store_.UpdateWebhook(id, clock_.Now(), [&](Webhook& webhook) {
    SR_RETURN_IF_ERROR(CheckMayHandle(who, webhook));
    if (fields.contains(WebhookField::kUrl)) webhook.url = spec.url;
    if (fields.contains(WebhookField::kTypes)) webhook.types = spec.types;
    if (fields.contains(WebhookField::kFilter)) webhook.filter = spec.filter;
    if (fields.contains(WebhookField::kLabel)) webhook.label = spec.label;
    if (fields.contains(WebhookField::kDisabled) && webhook.disabled != spec.disabled) {
      webhook.disabled = spec.disabled;
      webhook.disabled_reason = "";
      if (!spec.disabled) webhook.after_position = std::max(webhook.after_position, last);
    }
    return absl::OkStatus();
  });
}

absl::Status Webhooks::Delete(const std::string& id) { return store_.DeleteWebhook(id); }

absl::StatusOr<Webhook> Webhooks::RotateSecret(const Principal& who, const std::string& id,
                                               absl::Duration grace) {
  if (grace < absl::ZeroDuration() || grace > kMaxSecretGrace) {
    return InvalidField("grace_seconds",
                        "expected 0 to " + std::to_string(absl::ToInt64Seconds(kMaxSecretGrace)));
  }
  const std::string secret = RandomBytes(kSecretBytes);
  const absl::Time now = clock_.Now();
  return store_.UpdateWebhook(id, now, [&](Webhook& webhook) {
    SR_RETURN_IF_ERROR(CheckMayHandle(who, webhook));
    webhook.old_secret = grace > absl::ZeroDuration() ? webhook.secret : "";
    webhook.old_secret_until = now + grace;
    webhook.secret = secret;
    return absl::OkStatus();
  });
}

absl::StatusOr<WebhookDelivery> Webhooks::Test(const std::string& id) {
  const absl::Time now = clock_.Now();
  SR_ASSIGN_OR_RETURN(
      WebhookDelivery delivery,
      store_.AddDelivery(
          {.webhook_id = id, .event_id = NewUuidV7(now), .type = kWebhookTest, .event_time = now},
          options_.max_pending, now));
  options_.wake();
  return delivery;
}

absl::StatusOr<DeliveryPage> Webhooks::ListDeliveries(const std::string& id,
                                                      std::optional<DeliveryState> state,
                                                      int page_size,
                                                      const std::string& page_token) {
  if (page_size < 0 || page_size > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  if (!page_token.empty() && !IsUuid(page_token)) {
    return InvalidField("page_token", "is not one of an earlier answer");
  }
  SR_RETURN_IF_ERROR(store_.GetWebhook(id).status());
  const int wanted = page_size == 0 ? kDefaultPage : page_size;
  DeliveryPage page;
  SR_ASSIGN_OR_RETURN(
      page.deliveries,
      store_.ListDeliveries(
          {.webhook_id = id, .state = state, .before = page_token, .limit = wanted + 1}));
  if (static_cast<int>(page.deliveries.size()) > wanted) {
    page.deliveries.pop_back();
    page.next_page_token = page.deliveries.back().event_id;
  }
  return page;
}

absl::StatusOr<WebhookDelivery> Webhooks::GetDelivery(const std::string& id,
                                                      const std::string& event_id) {
  SR_RETURN_IF_ERROR(store_.GetWebhook(id).status());
  return store_.GetDelivery(id, event_id);
}

absl::StatusOr<WebhookStore::Replayed> Webhooks::Replay(const std::string& id,
                                                        const std::string& event_id,
                                                        std::optional<absl::Time> dead_since) {
  if (event_id.empty() == !dead_since.has_value()) {
    return InvalidArgument("INVALID_FIELD", "say which deliveries: id or dead_since, not both");
  }
  SR_ASSIGN_OR_RETURN(const WebhookStore::Replayed replayed,
                      store_.ReplayDeliveries({.webhook_id = id,
                                               .event_id = event_id,
                                               .dead_since = dead_since.value_or(absl::Time()),
                                               .max_pending = options_.max_pending},
                                              clock_.Now()));
  if (replayed.count > 0) options_.wake();
  return replayed;
}

}  // namespace stockroom::api
