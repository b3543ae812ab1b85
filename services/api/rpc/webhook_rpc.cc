#include "services/api/rpc/webhook_rpc.h"

#include "services/common/rpc/server_streams.h"

namespace stockroom::api {

template <typename Request, typename Response>
grpc::ServerUnaryReactor* WebhookRpc::Run(
    grpc::CallbackServerContext* context, const Request* request, Response* response,
    absl::Status (WebhookHandlers::*method)(const CallContext&, const Principal&, const Request&,
                                            Response*)) {
  return rpc::RunUnary(
      context, executor_, deadlines_, [this, request, response, method](const CallContext& call) {
        return (handlers_.*method)(call, Principal::Anonymous(), *request, response);
      });
}

grpc::ServerUnaryReactor* WebhookRpc::CreateWebhook(grpc::CallbackServerContext* context,
                                                    const v1::CreateWebhookRequest* request,
                                                    v1::CreateWebhookResponse* response) {
  return Run(context, request, response, &WebhookHandlers::CreateWebhook);
}

grpc::ServerUnaryReactor* WebhookRpc::ListWebhooks(grpc::CallbackServerContext* context,
                                                   const v1::ListWebhooksRequest* request,
                                                   v1::ListWebhooksResponse* response) {
  return Run(context, request, response, &WebhookHandlers::ListWebhooks);
}

grpc::ServerUnaryReactor* WebhookRpc::GetWebhook(grpc::CallbackServerContext* context,
                                                 const v1::GetWebhookRequest* request,
                                                 v1::Webhook* response) {
  return Run(context, request, response, &WebhookHandlers::GetWebhook);
}

grpc::ServerUnaryReactor* WebhookRpc::UpdateWebhook(grpc::CallbackServerContext* context,
                                                    const v1::UpdateWebhookRequest* request,
                                                    v1::Webhook* response) {
  return Run(context, request, response, &WebhookHandlers::UpdateWebhook);
}

grpc::ServerUnaryReactor* WebhookRpc::DeleteWebhook(grpc::CallbackServerContext* context,
                                                    const v1::DeleteWebhookRequest* request,
                                                    v1::DeleteWebhookResponse* response) {
  return Run(context, request, response, &WebhookHandlers::DeleteWebhook);
}

grpc::ServerUnaryReactor* WebhookRpc::RotateWebhookSecret(
    grpc::CallbackServerContext* context, const v1::RotateWebhookSecretRequest* request,
    v1::RotateWebhookSecretResponse* response) {
  return Run(context, request, response, &WebhookHandlers::RotateWebhookSecret);
}

grpc::ServerUnaryReactor* WebhookRpc::TestWebhook(grpc::CallbackServerContext* context,
                                                  const v1::TestWebhookRequest* request,
                                                  v1::WebhookDelivery* response) {
  return Run(context, request, response, &WebhookHandlers::TestWebhook);
}

grpc::ServerUnaryReactor* WebhookRpc::ListWebhookDeliveries(
    grpc::CallbackServerContext* context, const v1::ListWebhookDeliveriesRequest* request,
    v1::ListWebhookDeliveriesResponse* response) {
  return Run(context, request, response, &WebhookHandlers::ListWebhookDeliveries);
}

grpc::ServerUnaryReactor* WebhookRpc::GetWebhookDelivery(
    grpc::CallbackServerContext* context, const v1::GetWebhookDeliveryRequest* request,
    v1::WebhookDelivery* response) {
  return Run(context, request, response, &WebhookHandlers::GetWebhookDelivery);
}

grpc::ServerUnaryReactor* WebhookRpc::ReplayWebhookDeliveries(
    grpc::CallbackServerContext* context, const v1::ReplayWebhookDeliveriesRequest* request,
    v1::ReplayWebhookDeliveriesResponse* response) {
  return Run(context, request, response, &WebhookHandlers::ReplayWebhookDeliveries);
}

}  // namespace stockroom::api
