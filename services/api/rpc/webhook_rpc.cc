#include "services/api/rpc/webhook_rpc.h"

namespace stockroom::api {

grpc::ServerUnaryReactor* WebhookRpc::CreateWebhook(grpc::CallbackServerContext* context,
                                                    const v1::CreateWebhookRequest* request,
                                                    v1::CreateWebhookResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::CreateWebhook,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::ListWebhooks(grpc::CallbackServerContext* context,
                                                   const v1::ListWebhooksRequest* request,
                                                   v1::ListWebhooksResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::ListWebhooks,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::GetWebhook(grpc::CallbackServerContext* context,
                                                 const v1::GetWebhookRequest* request,
                                                 v1::Webhook* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::GetWebhook,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::UpdateWebhook(grpc::CallbackServerContext* context,
                                                    const v1::UpdateWebhookRequest* request,
                                                    v1::Webhook* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::UpdateWebhook,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::DeleteWebhook(grpc::CallbackServerContext* context,
                                                    const v1::DeleteWebhookRequest* request,
                                                    v1::DeleteWebhookResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::DeleteWebhook,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::RotateWebhookSecret(
    grpc::CallbackServerContext* context, const v1::RotateWebhookSecretRequest* request,
    v1::RotateWebhookSecretResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &WebhookHandlers::RotateWebhookSecret, request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::TestWebhook(grpc::CallbackServerContext* context,
                                                  const v1::TestWebhookRequest* request,
                                                  v1::WebhookDelivery* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &WebhookHandlers::TestWebhook,
                    request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::ListWebhookDeliveries(
    grpc::CallbackServerContext* context, const v1::ListWebhookDeliveriesRequest* request,
    v1::ListWebhookDeliveriesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &WebhookHandlers::ListWebhookDeliveries, request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::GetWebhookDelivery(
    grpc::CallbackServerContext* context, const v1::GetWebhookDeliveryRequest* request,
    v1::WebhookDelivery* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &WebhookHandlers::GetWebhookDelivery, request, response);
}

grpc::ServerUnaryReactor* WebhookRpc::ReplayWebhookDeliveries(
    grpc::CallbackServerContext* context, const v1::ReplayWebhookDeliveriesRequest* request,
    v1::ReplayWebhookDeliveriesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &WebhookHandlers::ReplayWebhookDeliveries, request, response);
}

}  // namespace stockroom::api
