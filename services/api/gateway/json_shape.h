// Strictness that protobuf's JSON reader lacks: it takes a lone value for a list and a number for a
// text, which hides mistakes of the caller.
#pragma once

#include <google/protobuf/descriptor.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"

namespace stockroom::api {

// INVALID_ARGUMENT names the member (as the caller wrote it) whose JSON type does not fit the
// field. Unknown members and the contents of google.protobuf types are left to protobuf's reader.
// null fits everything. Messages that hold messages of their own kind could go on for ever: past
// kDeepestJson objects in one another INVALID_ARGUMENT, however deep it is.
inline constexpr int kDeepestJson = 100;
absl::Status CheckJsonShape(const nlohmann::json& value, const google::protobuf::Descriptor& type,
                            const std::string& path = "", int depth = 1);

}  // namespace stockroom::api
