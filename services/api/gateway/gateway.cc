#include "services/api/gateway/gateway.h"

#include <stockroom/v1/images.pb.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/api/gateway/delivery_routes.h"
#include "services/api/gateway/event_stream.h"
#include "services/api/gateway/guard.h"
#include "services/api/gateway/openapi.h"
#include "services/api/gateway/preconditions.h"
#include "services/api/gateway/transcoder.h"
#include "services/api/gateway/tus_creation.h"
#include "services/api/gateway/upload.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/conditional.h"
#include "services/common/http/encoding.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"

namespace stockroom::api {
namespace {

using http::Request;
using http::Response;
using http::Task;

struct AsyncRoute {
  AsyncMethod method;
  Binding binding;
  Executor* executor = nullptr;
  std::shared_ptr<const GatewayOptions> options;
};

struct UnaryRoute {
  UnaryMethod method;
  Binding binding;
  Executor* executor = nullptr;
  std::shared_ptr<const GatewayOptions> options;
};

absl::Status CheckJson(const Request& request) {
  const std::string type = http::MediaType(request.headers.Get("Content-Type"));
  if (type.empty() || type == "application/json") return absl::OkStatus();
  return http::MakeError(absl::StatusCode::kInvalidArgument, "UNSUPPORTED_MEDIA_TYPE",
                         "this request takes a body of the type application/json");
}

// The call, under the condition of If-Match if its request can carry one. Of several revisions at
// most one is current, and the error names it: each try is a whole conditional call.
absl::StatusOr<MessagePtr> CallIfMatch(const UnaryRoute& route, const CallContext& context,
                                       const Principal& who, const IfMatch& match,
                                       google::protobuf::Message& request) {
  const auto* field = request.GetDescriptor()->FindFieldByName("if_revision");
  if (field == nullptr || !match.conditional) return route.method.call(context, who, request);
  absl::StatusOr<MessagePtr> response = http::MakeError(
      absl::StatusCode::kAborted, "REVISION_MISMATCH", "no tag of If-Match names a revision");
  for (const int64_t revision : match.revisions) {
    request.GetReflection()->SetInt64(&request, field, revision);
    response = route.method.call(context, who, request);
    if (DetailsOf(response.status()).reason != "REVISION_MISMATCH") break;
  }
  return response;
}

struct Rendered {
  std::string json;
  std::string etag;  // "" for none
  bool gzip = false;
};

// Below it a packet more or less is not worth the work.
constexpr size_t kGzipFrom = 1400;

absl::StatusOr<Rendered> Render(const Binding& binding, bool gzip,
                                const google::protobuf::Message& response) {
  Rendered rendered;
  SR_ASSIGN_OR_RETURN(rendered.json, RenderResponse(binding, response));
  const auto* image = google::protobuf::DynamicCastToGenerated<stockroom::v1::Image>(&response);
  if (image != nullptr && binding.response_body.empty()) {
    rendered.etag = RevisionTag(image->revision());
  }
  // A tag stands for the same bytes; what has one is sent as it is.
  rendered.gzip = gzip && rendered.etag.empty() && rendered.json.size() >= kGzipFrom;
  if (rendered.gzip) rendered.json = http::Gzip(rendered.json);
  return rendered;
}

// The call itself and the writing of its answer: both may take a while.
absl::StatusOr<Rendered> CallAndRender(const UnaryRoute& route, const CallContext& context,
                                       const Principal& who, const IfMatch& match, bool gzip,
                                       const MessagePtr& request) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_ASSIGN_OR_RETURN(const MessagePtr response, CallIfMatch(route, context, who, match, *request));
  return Render(route.binding, gzip, *response);
}

Response MakeAnswer(const Request& request, Rendered rendered) {
  Response response = Response::Text(200, "application/json", std::move(rendered.json));
  response.headers.Set("Cache-Control", "no-store");
  if (rendered.gzip) response.headers.Set("Content-Encoding", "gzip");
  MarkReplayed(request, response);
  if (rendered.etag.empty()) return response;
  response.headers.Set("ETag", rendered.etag);
  if (request.method != "GET" && request.method != "HEAD") return response;
  // Revisions have no date that clients know, so If-Modified-Since never matches.
  const http::Entity entity{rendered.etag, absl::InfiniteFuture(), 0};
  const int status = http::Select(request.method, request.headers, entity).status;
  if (status == 412) {
    return http::ProblemResponse(
        http::MakeError(absl::StatusCode::kAborted, "REVISION_MISMATCH",
                        "the image has not the revision that If-Match names"),
        request.context.request_id);
  }
  if (status == 304) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

// The message that an HTTP request stands for.
Task<absl::StatusOr<MessagePtr>> ReadMessage(const Binding& binding, const GatewayOptions& options,
                                             Request& request) {
  HttpInput input;
  input.captures = request.captures;
  input.query = request.query;
  if (!binding.body.empty()) {
    const absl::Status type = CheckJson(request);
    if (!type.ok()) co_return type;
    absl::StatusOr<std::string> body =
        co_await http::ReadAll(*request.body, options.max_json_bytes);
    if (!body.ok()) co_return body.status();
    input.body = *std::move(body);
  }
  const absl::Status key = TakeIdempotencyKey(request);
  if (!key.ok()) co_return key;
  co_return BuildRequest(binding, input);
}

Task<absl::StatusOr<Response>> HandleAsync(const AsyncRoute& route, const Principal& who,
                                           Request& request) {
  const absl::StatusOr<MessagePtr> message =
      co_await ReadMessage(route.binding, *route.options, request);
  if (!message.ok()) co_return message.status();
  auto start = [&](auto done) {
    route.method.start(request.context, who, **message, std::move(done));
  };
  const absl::StatusOr<MessagePtr> answer =
      co_await http::AwaitCallback<absl::StatusOr<MessagePtr>>(start);
  if (!answer.ok()) co_return answer.status();
  const bool gzip = http::AcceptsGzip(request.headers.Get("Accept-Encoding"));
  // Everything it refers to lives in this coroutine, which waits for it.
  auto render = [&route, &answer, gzip] { return Render(route.binding, gzip, **answer); };
  absl::StatusOr<Rendered> rendered = co_await http::RunOn<Rendered>(*route.executor, render);
  if (!rendered.ok()) co_return rendered.status();
  co_return MakeAnswer(request, *std::move(rendered));
}

Task<absl::StatusOr<Response>> HandleUnary(const UnaryRoute& route, const Principal& who,
                                           Request& request) {
  const absl::StatusOr<MessagePtr> message =
      co_await ReadMessage(route.binding, *route.options, request);
  if (!message.ok()) co_return message.status();
  const absl::StatusOr<IfMatch> match = ParseIfMatch(request.headers);
  if (!match.ok()) co_return match.status();
  if (route.method.prepare) {
    auto prepare = [&](auto ready) {
      route.method.prepare(request.context, **message, std::move(ready));
    };
    const absl::Status ready = co_await http::AwaitCallback<absl::Status>(prepare);
    if (!ready.ok()) co_return ready;
  }
  const bool gzip = http::AcceptsGzip(request.headers.Get("Accept-Encoding"));
  absl::StatusOr<Rendered> rendered = Rendered();
  if (route.method.blocking) {
    // Everything it refers to lives in this coroutine, which waits for it.
    auto work = [&route, &request, &who, &match, &message, gzip] {
      return CallAndRender(route, request.context, who, *match, gzip, *message);
    };
    rendered = co_await http::RunOn<Rendered>(*route.executor, work);
  } else {
    rendered = CallAndRender(route, request.context, who, *match, /*gzip=*/false, *message);
  }
  if (!rendered.ok()) co_return rendered.status();
  co_return MakeAnswer(request, *std::move(rendered));
}

// What all routes share.
struct Mounting {
  http::Router& router;
  Gate& gate;
  Executor& executor;
  std::shared_ptr<const GatewayOptions> options;

  template <typename Serve>
  absl::Status Add(const Binding& binding, const google::protobuf::MethodDescriptor& method,
                   const http::RouteOptions& limits, Serve serve) const {
    return router.Add(
        binding.http_method, binding.path, limits,
        Guarded(gate, ScopesNeededFor(method), options->origins,
                // Keeps the options, and so the rules.
                [serve = std::move(serve), kept = options](const Principal& who, Request& request) {
                  return serve(who, request);
                }));
  }
};

absl::Status MountUnary(const Mounting& mounting, const UnaryMethod& method) {
  http::RouteOptions limits;
  limits.max_body_bytes = mounting.options->max_json_bytes;
  limits.timeout = std::max(mounting.options->call_timeout, method.timeout);
  SR_ASSIGN_OR_RETURN(const std::vector<Binding> bindings, BindingsOf(*method.descriptor));
  for (const Binding& binding : bindings) {
    auto route = std::make_shared<const UnaryRoute>(
        UnaryRoute{method, binding, &mounting.executor, mounting.options});
    SR_RETURN_IF_ERROR(mounting.Add(binding, *method.descriptor, limits,
                                    [route](const Principal& who, Request& request) {
                                      return HandleUnary(*route, who, request);
                                    }));
  }
  return absl::OkStatus();
}

absl::Status MountAsync(const Mounting& mounting, const AsyncMethod& method) {
  http::RouteOptions limits;
  limits.max_body_bytes = mounting.options->max_json_bytes;
  limits.timeout = std::max(mounting.options->call_timeout, method.timeout);
  SR_ASSIGN_OR_RETURN(const std::vector<Binding> bindings, BindingsOf(*method.descriptor));
  for (const Binding& binding : bindings) {
    auto route = std::make_shared<const AsyncRoute>(
        AsyncRoute{method, binding, &mounting.executor, mounting.options});
    SR_RETURN_IF_ERROR(mounting.Add(binding, *method.descriptor, limits,
                                    [route](const Principal& who, Request& request) {
                                      return HandleAsync(*route, who, request);
                                    }));
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<Response>> HandleStreamed(const UploadRoute& route, const Principal& who,
                                              Request& request) {
  const absl::Status key = TakeIdempotencyKey(request);
  if (!key.ok()) co_return key;
  absl::StatusOr<Response> response = co_await HandleUpload(route, who, request);
  if (response.ok()) MarkReplayed(request, *response);
  co_return response;
}

absl::Status MountStreamed(const Mounting& mounting, const StreamedMethod& method,
                           const std::shared_ptr<ByteBudget>& json_budget) {
  http::RouteOptions limits;
  limits.max_body_bytes = mounting.options->max_upload_request_bytes;
  limits.timeout = mounting.options->upload_timeout;
  SR_ASSIGN_OR_RETURN(const std::vector<Binding> bindings, BindingsOf(*method.descriptor));
  for (const Binding& binding : bindings) {
    SR_ASSIGN_OR_RETURN(UploadRoute made, MakeUploadRoute(method, binding, mounting.options));
    made.executor = &mounting.executor;
    made.json_budget = json_budget;
    auto route = std::make_shared<const UploadRoute>(std::move(made));
    SR_RETURN_IF_ERROR(mounting.Add(binding, *method.descriptor, limits,
                                    [route](const Principal& who, Request& request) {
                                      return HandleStreamed(*route, who, request);
                                    }));
  }
  return absl::OkStatus();
}

absl::Status MountResponseStream(const Mounting& mounting, const ResponseStreamMethod& method) {
  http::RouteOptions limits;
  limits.max_body_bytes = 0;
  limits.timeout = mounting.options->watch_timeout;
  limits.until_close = true;
  SR_ASSIGN_OR_RETURN(const std::vector<Binding> bindings, BindingsOf(*method.descriptor));
  for (const Binding& binding : bindings) {
    auto route = std::make_shared<const EventRoute>(EventRoute{method, binding});
    SR_RETURN_IF_ERROR(mounting.Add(binding, *method.descriptor, limits,
                                    [route](const Principal& who, Request& request) {
                                      absl::Time& deadline = request.context.deadline;
                                      if (!who.anonymous) {
                                        deadline = std::min(deadline, absl::Now() + kLongestTrust);
                                      }
                                      return HandleEvents(*route, who, request);
                                    }));
  }
  return absl::OkStatus();
}

absl::Status MountDelivery(const Mounting& mounting, Delivery& delivery) {
  http::RouteOptions limits;
  limits.max_body_bytes = 0;
  limits.timeout = mounting.options->delivery_timeout;
  const auto deliver = [&delivery, options = mounting.options](const Principal& who,
                                                               Request& request) {
    return HandleDelivery(delivery, *options, who, request);
  };
  const auto attempt = [&delivery, options = mounting.options](const Principal& who,
                                                               const Request& request) {
    return TryDelivery(delivery, *options, who, request);
  };
  return mounting.router.Add(
      "GET", "/i/{id}/{path=**}", limits,
      Guarded(mounting.gate, Scope::kRead, mounting.options->origins, deliver),
      GuardedTry(mounting.gate, Scope::kRead, mounting.options->origins, attempt));
}

absl::Status MountOpenApi(http::Router& router) {
  return router.Add("GET", "/openapi.json", {}, [](Request&) -> Task<Response> {
    Response response = Response::Text(200, "application/json", std::string(OpenApiDocument()));
    response.headers.Set("Cache-Control", "no-cache");
    co_return response;
  });
}

}  // namespace

UploadAnswer DescribeImageUpload(const google::protobuf::Message& response, bool waited) {
  const auto* upload =
      google::protobuf::DynamicCastToGenerated<stockroom::v1::UploadImageResponse>(&response);
  UploadAnswer answer;
  if (upload == nullptr) return answer;
  const stockroom::v1::State state = upload->image().state();
  const bool unfinished = state == stockroom::v1::PENDING || state == stockroom::v1::PROCESSING;
  if (waited && unfinished) {
    answer.status = 202;
  } else if (upload->deduplicated()) {
    answer.status = 200;
  }
  answer.location = absl::StrCat("/v1/images/", upload->image().id());
  return answer;
}

absl::Status MountGateway(http::Router& router, const MethodTable& table, Delivery& delivery,
                          Gate& gate, Executor& executor, const GatewayOptions& options) {
  const Mounting mounting{router, gate, executor, std::make_shared<const GatewayOptions>(options)};
  const auto json_budget = std::make_shared<ByteBudget>(options.json_upload_budget_bytes);
  for (const UnaryMethod& method : table.unary()) SR_RETURN_IF_ERROR(MountUnary(mounting, method));
  for (const AsyncMethod& method : table.async()) SR_RETURN_IF_ERROR(MountAsync(mounting, method));
  for (const StreamedMethod& method : table.streamed()) {
    SR_RETURN_IF_ERROR(MountStreamed(mounting, method, json_budget));
  }
  for (const ResponseStreamMethod& method : table.response_streams()) {
    SR_RETURN_IF_ERROR(MountResponseStream(mounting, method));
  }
  SR_RETURN_IF_ERROR(MountTusCreation(router, table, gate, executor, mounting.options));
  SR_RETURN_IF_ERROR(MountOpenApi(router));
  return MountDelivery(mounting, delivery);
}

}  // namespace stockroom::api
