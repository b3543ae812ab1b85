// Uploads over HTTP: a request's body becomes the messages of a client-streaming RPC, piece by
// piece. Internal to services/api/gateway.
#pragma once

#include <memory>
#include <string>

#include "services/api/gateway/gateway.h"
#include "services/api/gateway/json_upload.h"
#include "services/api/gateway/transcoder.h"

namespace stockroom::api {

// One HTTP rule of one streamed method, checked.
struct UploadRoute {
  StreamedMethod method;
  Binding binding;
  const google::protobuf::FieldDescriptor* header_field = nullptr;
  // The answer waits for processing unless the request says otherwise.
  bool waits = false;
  std::shared_ptr<const GatewayOptions> options;
  Executor* executor = nullptr;
  std::shared_ptr<ByteBudget> json_budget;
};

// INVALID_ARGUMENT if the method's stockroom.v1.streamed_body option is missing or wrong.
absl::StatusOr<UploadRoute> MakeUploadRoute(const StreamedMethod& method, const Binding& binding,
                                            std::shared_ptr<const GatewayOptions> options);

// Takes multipart/form-data (the first part with a filename is the file; text fields in front of it
// and query parameters fill the header message), raw bodies (query parameters fill the header) and
// JSON (json_upload.h). Of the first two nothing of the file is held but the piece that is being
// passed on; JSON is held whole, within a budget.
http::Task<absl::StatusOr<http::Response>> HandleUpload(const UploadRoute& route,
                                                        const Principal& who,
                                                        http::Request& request);

}  // namespace stockroom::api
