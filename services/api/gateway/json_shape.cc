#include "services/api/gateway/json_shape.h"

#include <nlohmann/json.hpp>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::json;

absl::Status CheckOne(const json& value, const FieldDescriptor& field, const std::string& path,
                      int depth) {
  const auto expect = [&](bool fits, const char* what) {
    return fits ? absl::OkStatus() : InvalidField(path, std::string("expected ") + what);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return expect(value.is_string(), "a text in quotes");
    case FieldDescriptor::CPPTYPE_BOOL:
      return expect(value.is_boolean(), "true or false");
    case FieldDescriptor::CPPTYPE_ENUM:
      return expect(value.is_string() || value.is_number_integer(), "the name of a choice");
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->file()->package() == "google.protobuf") return absl::OkStatus();
      if (!value.is_object()) return InvalidField(path, "expected an object in braces");
      return CheckJsonShape(value, *field.message_type(), path, depth + 1);
    default:
      // 64-bit numbers are texts in proto3 JSON, and NaN is one too.
      return expect(value.is_number() || value.is_string(), "a number");
  }
}

const FieldDescriptor* FindByJsonName(const Descriptor& type, const std::string& name) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name || type.field(i)->name() == name) return type.field(i);
  }
  return nullptr;
}

}  // namespace

absl::Status CheckJsonShape(const json& value, const Descriptor& type, const std::string& path,
                            int depth) {
  if (depth > kDeepestJson) return InvalidField(path, "is nested too deeply");
  if (!value.is_object()) return InvalidArgument("BAD_JSON", "expected a JSON object");
  for (const auto& [name, member] : value.items()) {
    const FieldDescriptor* field = FindByJsonName(type, name);
    if (field == nullptr || member.is_null()) continue;
    const std::string here = path.empty() ? name : path + "." + name;
    if (field->is_map()) {
      if (!member.is_object()) return InvalidField(here, "expected an object in braces");
      for (const auto& [key, entry] : member.items()) {
        SR_RETURN_IF_ERROR(
            CheckOne(entry, *field->message_type()->map_value(), here + "[" + key + "]", depth));
      }
    } else if (field->is_repeated()) {
      if (!member.is_array()) return InvalidField(here, "expected a list in brackets");
      for (size_t i = 0; i < member.size(); ++i) {
        SR_RETURN_IF_ERROR(
            CheckOne(member[i], *field, here + "[" + std::to_string(i) + "]", depth));
      }
    } else {
      SR_RETURN_IF_ERROR(CheckOne(member, *field, here, depth));
    }
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
