// The REST front end: every RPC with a google.api.http option, streamed uploads, events, and the
// delivery of pictures. main mounts it on the router of the process's HTTP server.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/delivery.h"
#include "services/api/domain/principal.h"
#include "services/api/handlers/gate.h"
#include "services/api/handlers/method_table.h"
#include "services/common/base/executor.h"
#include "services/common/http/message.h"
#include "services/common/http/router.h"

namespace stockroom::api {

// How the answer to an upload is to be sent, besides its JSON.
struct UploadAnswer {
  int status = 201;
  std::string location;  // "" for none
};
// `waited`: the client wanted the answer only once the image was processed.
using DescribeUpload =
    std::function<UploadAnswer(const google::protobuf::Message& response, bool waited)>;

// 201 for a new image, 200 for one that was there already, 202 if the wait ended before the image
// was processed; Location is /v1/images/{id}. Knows stockroom.v1.UploadImageResponse.
UploadAnswer DescribeImageUpload(const google::protobuf::Message& response, bool waited);

// Protects those who do not have to log in from the pages that they visit.
struct OriginRules {
  // Pages of these origins may write, besides the gateway's own.
  std::vector<std::string> trusted;
  // The gateway listens on loopback: a request must call it by a name or address of loopback, by
  // one of `hosts`, or by that of a trusted origin. A page whose name was made to point to this
  // machine (DNS rebinding) calls it by its own.
  bool loopback_only = false;
  std::vector<std::string> hosts;
};

struct GatewayOptions {
  int64_t max_json_bytes = 1 << 20;
  // Of a whole upload request. The use case limits the image itself and tells it better, so this
  // leaves room for the form around it.
  int64_t max_upload_request_bytes = (100LL << 20) + (1 << 20);
  // Of an image, as tus clients are told.
  int64_t max_image_bytes = 100LL << 20;
  // Of an upload as JSON, which is held whole, and of all such uploads at once. In base64 a third
  // is added, so this takes photographs of 48 MiB; larger ones go as forms or raw.
  int64_t max_json_upload_bytes = 64 << 20;
  int64_t json_upload_budget_bytes = 256 << 20;
  absl::Duration call_timeout = absl::Seconds(30);
  absl::Duration upload_timeout = absl::Minutes(10);
  // Covers the whole transfer, slow readers included.
  absl::Duration delivery_timeout = absl::Minutes(5);
  // How long one connection watches events; then the browser comes back, maybe to another api.
  absl::Duration watch_timeout = absl::Hours(1);
  // How long browsers and CDNs may show a public picture without asking again.
  absl::Duration public_max_age = absl::Seconds(60);
  // The same where the URL names the revision: a year is what caches take for ever.
  absl::Duration immutable_max_age = absl::Hours(24 * 365);
  // Ask browsers for the size of screen and page, and heed what they say, where the format is
  // negotiated. Each picture is then kept several times by caches on the way.
  bool client_hints = false;
  OriginRules origins;
  DescribeUpload describe_upload = DescribeImageUpload;
};

// Adds all routes. `delivery`, `gate` and `executor` must outlive the server; the table is copied.
// Unary calls that block run on `executor`; when its queue is full the answer is 429 with
// Retry-After. Errors: conflicting routes, a method option that makes no sense, a method without
// HTTP rule is left out.
absl::Status MountGateway(http::Router& router, const MethodTable& table, Delivery& delivery,
                          Gate& gate, Executor& executor, const GatewayOptions& options);

}  // namespace stockroom::api
