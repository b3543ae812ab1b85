// The public gRPC service of webhooks: a thin binding of the handlers.
#pragma once

#include "services/api/handlers/webhook_handlers.h"
#include "services/api/rpc/front.h"
#include "stockroom/v1/webhooks.grpc.pb.h"

namespace stockroom::api {

class WebhookRpc final : public v1::WebhookService::CallbackService {
 public:
  WebhookRpc(WebhookHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* CreateWebhook(grpc::CallbackServerContext* context,
                                          const v1::CreateWebhookRequest* request,
                                          v1::CreateWebhookResponse* response) override;
  grpc::ServerUnaryReactor* ListWebhooks(grpc::CallbackServerContext* context,
                                         const v1::ListWebhooksRequest* request,
                                         v1::ListWebhooksResponse* response) override;
  grpc::ServerUnaryReactor* GetWebhook(grpc::CallbackServerContext* context,
                                       const v1::GetWebhookRequest* request,
                                       v1::Webhook* response) override;
  grpc::ServerUnaryReactor* UpdateWebhook(grpc::CallbackServerContext* context,
                                          const v1::UpdateWebhookRequest* request,
                                          v1::Webhook* response) override;
  grpc::ServerUnaryReactor* DeleteWebhook(grpc::CallbackServerContext* context,
                                          const v1::DeleteWebhookRequest* request,
                                          v1::DeleteWebhookResponse* response) override;
  grpc::ServerUnaryReactor* RotateWebhookSecret(grpc::CallbackServerContext* context,
                                                const v1::RotateWebhookSecretRequest* request,
                                                v1::RotateWebhookSecretResponse* response) override;
  grpc::ServerUnaryReactor* TestWebhook(grpc::CallbackServerContext* context,
                                        const v1::TestWebhookRequest* request,
                                        v1::WebhookDelivery* response) override;
  grpc::ServerUnaryReactor* ListWebhookDeliveries(
      grpc::CallbackServerContext* context, const v1::ListWebhookDeliveriesRequest* request,
      v1::ListWebhookDeliveriesResponse* response) override;
  grpc::ServerUnaryReactor* GetWebhookDelivery(grpc::CallbackServerContext* context,
                                               const v1::GetWebhookDeliveryRequest* request,
                                               v1::WebhookDelivery* response) override;
  grpc::ServerUnaryReactor* ReplayWebhookDeliveries(
      grpc::CallbackServerContext* context, const v1::ReplayWebhookDeliveriesRequest* request,
      v1::ReplayWebhookDeliveriesResponse* response) override;

 private:
  WebhookHandlers& handlers_;
  Front front_;
};

}  // namespace stockroom::api
