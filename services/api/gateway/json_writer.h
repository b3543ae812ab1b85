// Protobuf messages as JSON (https://protobuf.dev/programming-guides/proto3/#json).
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"

namespace stockroom::api {

// As protobuf's own printer with always_print_primitive_fields: scalars, lists and maps are there
// even if they are empty, messages and optional fields only if they are set. Fields come in the
// order of their declaration and maps in that of their keys, so equal messages give equal bytes.
// Text that is no UTF-8 gets U+FFFD for each byte that does not fit, and what could end a script
// element is escaped.
//
// Written here because protobuf's printer serialises the message, reads it back and builds a tree
// out of it, which took a third of a gateway request. Knows Timestamp, Duration, FieldMask, Struct,
// Value and ListValue; Any and the wrappers, which the API does not use, are written like any other
// message. `message` is of a generated class. INTERNAL for Values nested more than 100 deep, and
// times that have no text.
absl::StatusOr<std::string> WriteJson(const google::protobuf::Message& message);

}  // namespace stockroom::api
