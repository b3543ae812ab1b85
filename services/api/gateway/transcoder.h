// google.api.http: which HTTP request is which RPC, and JSON to messages and back. Pure.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/handlers/method_table.h"

namespace stockroom::api {

// One HTTP rule of a method.
struct Binding {
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::string http_method;
  std::string path;  // template
  // Field that the body fills; "*" for the whole request, "" for no body.
  std::string body;
  // Top-level field of the answer that is sent; "" for all of it.
  std::string response_body;
};

// The method's option and its additional bindings; none if it has no option. INVALID_ARGUMENT if
// one names a field that does not exist or is of no use there.
absl::StatusOr<std::vector<Binding>> BindingsOf(const google::protobuf::MethodDescriptor& method);

// A new message of a type that is compiled in.
MessagePtr NewMessage(const google::protobuf::Descriptor& type);

// What the JSON object mentions replaces what the message has. Unknown or ill-typed members are
// INVALID_ARGUMENT with a violation that names them.
absl::Status MergeJson(const nlohmann::json& value, google::protobuf::Message& message);

struct HttpInput {
  std::vector<std::pair<std::string, std::string>> captures;
  std::string query;  // as sent
  std::string body;   // JSON; ignored if the binding takes none
};

// The RPC's request. The body comes first, then query parameters for what neither body nor path
// holds, then the path's variables. Unknown or ill-typed JSON members and parameters are
// INVALID_ARGUMENT with a violation that names them.
//
// A PATCH whose request has an `update_mask` that was not given gets one from the names of the JSON
// body's members: what the client mentions is what it wants changed.
absl::StatusOr<MessagePtr> BuildRequest(const Binding& binding, const HttpInput& input);

// proto3 JSON of the answer; fields without presence are always printed, so that an empty list is
// [].
absl::StatusOr<std::string> RenderResponse(const Binding& binding,
                                           const google::protobuf::Message& response);

}  // namespace stockroom::api
