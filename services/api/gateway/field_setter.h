// Setting message fields from text: path variables, query parameters, form fields.
#pragma once

#include <google/protobuf/message.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::api {

// How a repeated field takes several values.
enum class Lists {
  kRepeatedName,  // ?tags=a&tags=b
  kCommasToo,     // also tags=a,b; blanks around an element and empty elements are dropped
};

// Not thread-safe; the message must outlive it. All errors are INVALID_ARGUMENT about the field.
class FieldSetter {
 public:
  FieldSetter(google::protobuf::Message& message, Lists lists) : message_(message), lists_(lists) {}

  // `path` is a field name, in its proto or JSON spelling, or several joined by dots; a map's key
  // follows as attributes.key or attributes[key]. Values as in proto3 JSON without quotes: enums by
  // name or number, bytes as base64, Timestamp as RFC 3339, FieldMask as a,b.c. A field that is not
  // repeated may be set once.
  absl::Status Set(std::string_view path, std::string_view value);

  // Makes Set refuse `path` (proto spelling) and what is below it, saying why.
  void Forbid(std::string path, std::string why);

  // The last field on a path that has no map key, for checking paths at start.
  static absl::StatusOr<const google::protobuf::FieldDescriptor*> Resolve(
      const google::protobuf::Descriptor& type, std::string_view path);

 private:
  absl::Status SetMapEntry(google::protobuf::Message& owner,
                           const google::protobuf::FieldDescriptor& map, std::string_view path,
                           std::string_view key, std::string_view value);
  absl::Status CheckAllowed(std::string_view path, const std::string& canonical) const;

  google::protobuf::Message& message_;
  const Lists lists_;
  std::set<std::string> seen_;
  std::vector<std::pair<std::string, std::string>> forbidden_;
};

// Finds a field by its proto or JSON name; null if there is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                                   std::string_view name);

}  // namespace stockroom::api
