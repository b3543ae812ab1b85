// stockroom.v1.WebhookService as plain functions. Errors are listed in the proto.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "services/api/domain/webhooks.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/webhooks.pb.h"

namespace stockroom::api {

// What is sent: {"type", "timestamp", "data"}, as the proto says. `image` is null if it is gone or
// must not be told of.
std::string WebhookBody(const WebhookDelivery& delivery, const Image* image);

class WebhookHandlers {
 public:
  explicit WebhookHandlers(Webhooks& webhooks) : webhooks_(webhooks) {}

  absl::Status CreateWebhook(const CallContext& context, const Principal& who,
                             const v1::CreateWebhookRequest& request,
                             v1::CreateWebhookResponse* response);
  absl::Status ListWebhooks(const CallContext& context, const Principal& who,
                            const v1::ListWebhooksRequest& request,
                            v1::ListWebhooksResponse* response);
  absl::Status GetWebhook(const CallContext& context, const Principal& who,
                          const v1::GetWebhookRequest& request, v1::Webhook* response);
  absl::Status UpdateWebhook(const CallContext& context, const Principal& who,
                             const v1::UpdateWebhookRequest& request, v1::Webhook* response);
  absl::Status DeleteWebhook(const CallContext& context, const Principal& who,
                             const v1::DeleteWebhookRequest& request,
                             v1::DeleteWebhookResponse* response);
  absl::Status RotateWebhookSecret(const CallContext& context, const Principal& who,
                                   const v1::RotateWebhookSecretRequest& request,
                                   v1::RotateWebhookSecretResponse* response);
  absl::Status TestWebhook(const CallContext& context, const Principal& who,
                           const v1::TestWebhookRequest& request, v1::WebhookDelivery* response);
  absl::Status ListWebhookDeliveries(const CallContext& context, const Principal& who,
                                     const v1::ListWebhookDeliveriesRequest& request,
                                     v1::ListWebhookDeliveriesResponse* response);
  absl::Status GetWebhookDelivery(const CallContext& context, const Principal& who,
                                  const v1::GetWebhookDeliveryRequest& request,
                                  v1::WebhookDelivery* response);
  absl::Status ReplayWebhookDeliveries(const CallContext& context, const Principal& who,
                                       const v1::ReplayWebhookDeliveriesRequest& request,
                                       v1::ReplayWebhookDeliveriesResponse* response);

  void AddTo(MethodTable& table);

 private:
  Webhooks& webhooks_;
};

}  // namespace stockroom::api
