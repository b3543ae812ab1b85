#include "services/api/handlers/webhook_handlers.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

template <typename Message>
WebhookFilter FilterOf(const Message& message) {
  return {.tags = {message.filter().tags().begin(), message.filter().tags().end()},
          .owner = message.filter().owner()};
}

// CreateWebhookRequest and Webhook name the fields alike.
template <typename Message>
WebhookSpec SpecOf(const Message& message) {
  return {.url = message.url(),
          .types = {message.types().begin(), message.types().end()},
          .filter = FilterOf(message),
          .label = message.label()};
}

void ToMessage(const Webhook& webhook, v1::Webhook* out) {
  out->set_id(webhook.id);
  out->set_url(webhook.url);
  for (const std::string& type : webhook.types) out->add_types(type);
  for (const std::string& tag : webhook.filter.tags) out->mutable_filter()->add_tags(tag);
  out->mutable_filter()->set_owner(webhook.filter.owner);
  out->set_label(webhook.label);
  out->set_disabled(webhook.disabled);
  out->set_disabled_reason(webhook.disabled_reason);
  out->set_creator(webhook.creator);
  *out->mutable_create_time() = ToTimestamp(webhook.create_time);
  *out->mutable_update_time() = ToTimestamp(webhook.update_time);
  if (!webhook.old_secret.empty()) {
    *out->mutable_old_secret_expire_time() = ToTimestamp(webhook.old_secret_until);
  }
}

void ToMessage(const WebhookDelivery& delivery, v1::WebhookDelivery* out) {
  out->set_id(delivery.event_id);
  out->set_webhook_id(delivery.webhook_id);
  out->set_type(delivery.type);
  out->set_image_id(delivery.image_id);
  out->set_revision(delivery.revision);
  *out->mutable_event_time() = ToTimestamp(delivery.event_time);
  out->set_state(static_cast<v1::DeliveryState>(delivery.state));
  out->set_attempts(delivery.attempts);
  out->set_last_status_code(delivery.last_status);
  out->set_last_error(delivery.last_error);
  if (delivery.last_attempt_time) {
    *out->mutable_last_attempt_time() = ToTimestamp(*delivery.last_attempt_time);
  }
  if (delivery.state == DeliveryState::kPending) {
    *out->mutable_next_attempt_time() = ToTimestamp(delivery.available_time);
  }
  *out->mutable_create_time() = ToTimestamp(delivery.create_time);
}

// The fields an update replaces: those of the mask, or without one those that are set.
absl::StatusOr<std::set<WebhookField>> FieldsToUpdate(const v1::UpdateWebhookRequest& request) {
  static const auto* const names =
      new std::map<std::string, WebhookField>{{"url", WebhookField::kUrl},
                                              {"types", WebhookField::kTypes},
                                              {"filter", WebhookField::kFilter},
                                              {"label", WebhookField::kLabel},
                                              {"disabled", WebhookField::kDisabled}};
  std::set<WebhookField> fields;
  for (const std::string& path : request.update_mask().paths()) {
    const auto it = names->find(path);
    if (it == names->end()) {
      return InvalidField("update_mask", "'" + path +
                                             "' can not be changed; expected url, types, filter, "
                                             "label or disabled");
    }
    fields.insert(it->second);
  }
  if (request.has_update_mask()) return fields;
  const v1::Webhook& webhook = request.webhook();
  if (!webhook.url().empty()) fields.insert(WebhookField::kUrl);
  if (webhook.types_size() > 0) fields.insert(WebhookField::kTypes);
  if (webhook.has_filter()) fields.insert(WebhookField::kFilter);
  if (!webhook.label().empty()) fields.insert(WebhookField::kLabel);
  if (webhook.disabled()) fields.insert(WebhookField::kDisabled);
  return fields;
}

absl::StatusOr<std::optional<DeliveryState>> StateOf(v1::DeliveryState state) {
  if (state == v1::DELIVERY_STATE_UNSPECIFIED) return std::optional<DeliveryState>();
  if (state < v1::PENDING_DELIVERY || state > v1::DEAD) {
    return InvalidField("state", "expected PENDING_DELIVERY, DELIVERED or DEAD");
  }
  return static_cast<DeliveryState>(state);
}

}  // namespace

std::string WebhookBody(const WebhookDelivery& delivery, const Image* image) {
  std::string data;
  if (image != nullptr) {
    v1::Image message;
    ToMessage(*image, v1::BASIC, &message);
    if (!google::protobuf::util::MessageToJsonString(message, &data).ok()) data.clear();
  }
  if (data.empty()) {
    nlohmann::ordered_json rest = nlohmann::ordered_json::object();
    if (!delivery.image_id.empty()) rest = {{"id", delivery.image_id}, {"owner", delivery.owner}};
    data = rest.dump();
  }
  const std::string time =
      google::protobuf::util::TimeUtil::ToString(ToTimestamp(delivery.event_time));
  return "{\"type\":\"" + delivery.type + "\",\"timestamp\":\"" + time + "\",\"data\":" + data +
         "}";
}

absl::Status WebhookHandlers::CreateWebhook(const CallContext&, const Principal& who,
                                            const v1::CreateWebhookRequest& request,
                                            v1::CreateWebhookResponse* response) {
  SR_ASSIGN_OR_RETURN(const Webhook webhook, webhooks_.Create(who, SpecOf(request)));
  ToMessage(webhook, response->mutable_webhook());
  response->set_secret(SecretText(webhook.secret));
  return absl::OkStatus();
}

absl::Status WebhookHandlers::ListWebhooks(const CallContext&, const Principal&,
                                           const v1::ListWebhooksRequest&,
                                           v1::ListWebhooksResponse* response) {
  SR_ASSIGN_OR_RETURN(const std::vector<Webhook> webhooks, webhooks_.List());
  for (const Webhook& webhook : webhooks) ToMessage(webhook, response->add_webhooks());
  return absl::OkStatus();
}

absl::Status WebhookHandlers::GetWebhook(const CallContext&, const Principal&,
                                         const v1::GetWebhookRequest& request,
                                         v1::Webhook* response) {
  SR_ASSIGN_OR_RETURN(const Webhook webhook, webhooks_.Get(request.id()));
  ToMessage(webhook, response);
  return absl::OkStatus();
}

absl::Status WebhookHandlers::UpdateWebhook(const CallContext&, const Principal& who,
                                            const v1::UpdateWebhookRequest& request,
                                            v1::Webhook* response) {
  SR_ASSIGN_OR_RETURN(const std::set<WebhookField> fields, FieldsToUpdate(request));
  WebhookSpec spec = SpecOf(request.webhook());
  spec.disabled = request.webhook().disabled();
  SR_ASSIGN_OR_RETURN(const Webhook webhook,
                      webhooks_.Update(who, request.webhook().id(), std::move(spec), fields));
  ToMessage(webhook, response);
  return absl::OkStatus();
}

absl::Status WebhookHandlers::DeleteWebhook(const CallContext&, const Principal&,
                                            const v1::DeleteWebhookRequest& request,
                                            v1::DeleteWebhookResponse*) {
  return webhooks_.Delete(request.id());
}

absl::Status WebhookHandlers::RotateWebhookSecret(const CallContext&, const Principal& who,
                                                  const v1::RotateWebhookSecretRequest& request,
                                                  v1::RotateWebhookSecretResponse* response) {
  const absl::Duration grace =
      request.has_grace_seconds() ? absl::Seconds(request.grace_seconds()) : kDefaultSecretGrace;
  SR_ASSIGN_OR_RETURN(const Webhook webhook, webhooks_.RotateSecret(who, request.id(), grace));
  ToMessage(webhook, response->mutable_webhook());
  response->set_secret(SecretText(webhook.secret));
  return absl::OkStatus();
}

absl::Status WebhookHandlers::TestWebhook(const CallContext&, const Principal&,
                                          const v1::TestWebhookRequest& request,
                                          v1::WebhookDelivery* response) {
  SR_ASSIGN_OR_RETURN(const WebhookDelivery delivery, webhooks_.Test(request.id()));
  ToMessage(delivery, response);
  return absl::OkStatus();
}

absl::Status WebhookHandlers::ListWebhookDeliveries(const CallContext&, const Principal&,
                                                    const v1::ListWebhookDeliveriesRequest& request,
                                                    v1::ListWebhookDeliveriesResponse* response) {
  SR_ASSIGN_OR_RETURN(const std::optional<DeliveryState> state, StateOf(request.state()));
  SR_ASSIGN_OR_RETURN(DeliveryPage page,
                      webhooks_.ListDeliveries(request.webhook_id(), state, request.page_size(),
                                               request.page_token()));
  for (const WebhookDelivery& delivery : page.deliveries) {
    ToMessage(delivery, response->add_deliveries());
  }
  response->set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

absl::Status WebhookHandlers::GetWebhookDelivery(const CallContext&, const Principal&,
                                                 const v1::GetWebhookDeliveryRequest& request,
                                                 v1::WebhookDelivery* response) {
  SR_ASSIGN_OR_RETURN(const WebhookDelivery delivery,
                      webhooks_.GetDelivery(request.webhook_id(), request.id()));
  ToMessage(delivery, response);
  return absl::OkStatus();
}

absl::Status WebhookHandlers::ReplayWebhookDeliveries(
    const CallContext&, const Principal&, const v1::ReplayWebhookDeliveriesRequest& request,
    v1::ReplayWebhookDeliveriesResponse* response) {
  std::optional<absl::Time> dead_since;
  if (request.has_dead_since()) {
    SR_ASSIGN_OR_RETURN(dead_since, TimeOf("dead_since", request.dead_since()));
  }
  SR_ASSIGN_OR_RETURN(const WebhookStore::Replayed replayed,
                      webhooks_.Replay(request.webhook_id(), request.id(), dead_since));
  response->set_replayed(replayed.count);
  response->set_more(replayed.more);
  return absl::OkStatus();
}

void WebhookHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::Webhook::descriptor()->file()->FindServiceByName("WebhookService");
  AddUnary<v1::CreateWebhookRequest, v1::CreateWebhookResponse>(
      table, service, "CreateWebhook", this, &WebhookHandlers::CreateWebhook);
  AddUnary<v1::ListWebhooksRequest, v1::ListWebhooksResponse>(table, service, "ListWebhooks", this,
                                                              &WebhookHandlers::ListWebhooks);
  AddUnary<v1::GetWebhookRequest, v1::Webhook>(table, service, "GetWebhook", this,
                                               &WebhookHandlers::GetWebhook);
  AddUnary<v1::UpdateWebhookRequest, v1::Webhook>(table, service, "UpdateWebhook", this,
                                                  &WebhookHandlers::UpdateWebhook);
  AddUnary<v1::DeleteWebhookRequest, v1::DeleteWebhookResponse>(
      table, service, "DeleteWebhook", this, &WebhookHandlers::DeleteWebhook);
  AddUnary<v1::RotateWebhookSecretRequest, v1::RotateWebhookSecretResponse>(
      table, service, "RotateWebhookSecret", this, &WebhookHandlers::RotateWebhookSecret);
  AddUnary<v1::TestWebhookRequest, v1::WebhookDelivery>(table, service, "TestWebhook", this,
                                                        &WebhookHandlers::TestWebhook);
  AddUnary<v1::ListWebhookDeliveriesRequest, v1::ListWebhookDeliveriesResponse>(
      table, service, "ListWebhookDeliveries", this, &WebhookHandlers::ListWebhookDeliveries);
  AddUnary<v1::GetWebhookDeliveryRequest, v1::WebhookDelivery>(
      table, service, "GetWebhookDelivery", this, &WebhookHandlers::GetWebhookDelivery);
  AddUnary<v1::ReplayWebhookDeliveriesRequest, v1::ReplayWebhookDeliveriesResponse>(
      table, service, "ReplayWebhookDeliveries", this, &WebhookHandlers::ReplayWebhookDeliveries);
}

}  // namespace stockroom::api
