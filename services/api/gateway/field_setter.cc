#include "services/api/gateway/field_setter.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status Bad(std::string_view path, std::string_view expected) {
  return InvalidField(path, expected);
}

template <typename Int>
std::optional<Int> ToInt(std::string_view text) {
  Int value;
  // SimpleAtoi would accept blanks around the number.
  const bool clean =
      !text.empty() && text.find_first_not_of("-0123456789") == std::string_view::npos;
  if (!clean || !absl::SimpleAtoi(Av(text), &value)) return std::nullopt;
  return value;
}

std::optional<double> ToDouble(std::string_view text) {
  double value;
  const bool clean = !text.empty() && text.find_first_of(" \t\r\n") == std::string_view::npos;
  if (!clean || !absl::SimpleAtod(Av(text), &value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> ToBool(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<int> ToEnum(const FieldDescriptor& field, std::string_view text) {
  const auto* type = field.enum_type();
  const EnumValueDescriptor* value = type->FindValueByName(std::string(text));
  if (value == nullptr) {
    const auto number = ToInt<int32_t>(text);
    if (number) value = type->FindValueByNumber(*number);
  }
  if (value == nullptr) return std::nullopt;
  return value->number();
}

std::string EnumNames(const FieldDescriptor& field) {
  std::string names = "expected one of";
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    absl::StrAppend(&names, i == 0 ? " " : ", ", field.enum_type()->value(i)->name());
  }
  return names;
}

// Types that are messages but have one value in JSON.
bool IsOneValue(const Descriptor& type) {
  static const std::set<std::string> kTypes = {
      "google.protobuf.Timestamp",   "google.protobuf.Duration",    "google.protobuf.FieldMask",
      "google.protobuf.StringValue", "google.protobuf.BytesValue",  "google.protobuf.BoolValue",
      "google.protobuf.Int32Value",  "google.protobuf.Int64Value",  "google.protobuf.UInt32Value",
      "google.protobuf.UInt64Value", "google.protobuf.DoubleValue", "google.protobuf.FloatValue"};
  return kTypes.count(type.full_name()) > 0;
}

// "page_token" is how people write masks; JSON wants pageToken.
std::string CamelCase(std::string_view text) {
  std::string out;
  bool upper = false;
  for (const char c : text) {
    if (c == '_') {
      upper = true;
    } else {
      out.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      upper = false;
    }
  }
  return out;
}

absl::Status SetOneValue(Message& target, std::string_view path, std::string_view text) {
  const std::string& type = target.GetDescriptor()->full_name();
  std::string json;
  if (type == "google.protobuf.BoolValue") {
    if (!ToBool(text)) return Bad(path, "expected true or false");
    json = *ToBool(text) ? "true" : "false";
  } else {
    json = nlohmann::json(type == "google.protobuf.FieldMask" ? CamelCase(text) : std::string(text))
               .dump();
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &target);
  if (!parsed.ok()) {
    return Bad(path, absl::StrCat("not a ", type, " as proto3 JSON writes it"));
  }
  return absl::OkStatus();
}

// Stores a number, text or enum: Set… or Add… by whether the field is repeated.
#define SR_STORE(kind, value)                      \
  do {                                             \
    if (field.is_repeated()) {                     \
      reflection.Add##kind(&owner, &field, value); \
    } else {                                       \
      reflection.Set##kind(&owner, &field, value); \
    }                                              \
    return absl::OkStatus();                       \
  } while (false)

absl::Status StoreScalar(Message& owner, const FieldDescriptor& field, std::string_view path,
                         std::string_view text) {
  const Reflection& reflection = *owner.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (const auto v = ToInt<int32_t>(text)) SR_STORE(Int32, *v);
      return Bad(path, "expected a whole number of 32 bits");
    case FieldDescriptor::CPPTYPE_UINT32:
      if (const auto v = ToInt<uint32_t>(text)) SR_STORE(UInt32, *v);
      return Bad(path, "expected a whole number of 32 bits, not negative");
    case FieldDescriptor::CPPTYPE_INT64:
      if (const auto v = ToInt<int64_t>(text)) SR_STORE(Int64, *v);
      return Bad(path, "expected a whole number of 64 bits");
    case FieldDescriptor::CPPTYPE_UINT64:
      if (const auto v = ToInt<uint64_t>(text)) SR_STORE(UInt64, *v);
      return Bad(path, "expected a whole number of 64 bits, not negative");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (const auto v = ToDouble(text)) SR_STORE(Double, *v);
      return Bad(path, "expected a number");
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (const auto v = ToDouble(text)) SR_STORE(Float, static_cast<float>(*v));
      return Bad(path, "expected a number");
    case FieldDescriptor::CPPTYPE_BOOL:
      if (const auto v = ToBool(text)) SR_STORE(Bool, *v);
      return Bad(path, "expected true or false");
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const auto v = ToEnum(field, text)) SR_STORE(EnumValue, *v);
      return Bad(path, EnumNames(field));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value(text);
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        if (!absl::Base64Unescape(Av(text), &value) &&
            !absl::WebSafeBase64Unescape(Av(text), &value)) {
          return Bad(path, "expected base64");
        }
      } else if (!IsCleanUtf8(text)) {
        return Bad(path, "expected UTF-8 without NUL");
      }
      SR_STORE(String, value);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  if (field.is_repeated() || !IsOneValue(*field.message_type())) {
    return Bad(path, "is an object: name one of its fields");
  }
  return SetOneValue(*reflection.MutableMessage(&owner, &field), path, text);
}
#undef SR_STORE

// "a.b[c]" at its first dot or bracket: name, and what follows.
std::pair<std::string_view, std::string_view> CutPath(std::string_view path) {
  const size_t end = std::min(path.find_first_of(".["), path.size());
  return {path.substr(0, end), path.substr(end)};
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor& type, std::string_view name) {
  const std::string text(name);
  if (const auto* field = type.FindFieldByName(text)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == text) return type.field(i);
  }
  return nullptr;
}

absl::StatusOr<const FieldDescriptor*> FieldSetter::Resolve(const Descriptor& type,
                                                            std::string_view path) {
  const Descriptor* at = &type;
  const FieldDescriptor* field = nullptr;
  std::string_view rest = path;
  while (!rest.empty()) {
    if (field != nullptr) {
      if (field->message_type() == nullptr || field->is_repeated()) {
        return Bad(path, "goes through a field that is not an object");
      }
      at = field->message_type();
    }
    const auto [name, after] = CutPath(rest);
    field = FindField(*at, name);
    if (field == nullptr) return Bad(path, absl::StrCat("no such field in ", at->full_name()));
    rest = after.empty() ? after : after.substr(1);
  }
  if (field == nullptr) return Bad(path, "is empty");
  return field;
}

void FieldSetter::Forbid(std::string path, std::string why) {
  forbidden_.emplace_back(std::move(path), std::move(why));
}

absl::Status FieldSetter::CheckAllowed(std::string_view path, const std::string& canonical) const {
  for (const auto& [prefix, why] : forbidden_) {
    const bool below = canonical.size() > prefix.size() && canonical[prefix.size()] == '.';
    if (canonical.compare(0, prefix.size(), prefix) == 0 && (canonical == prefix || below)) {
      return Bad(path, why);
    }
  }
  return absl::OkStatus();
}

absl::Status FieldSetter::Set(std::string_view path, std::string_view value) {
  Message* owner = &message_;
  std::string canonical;
  std::string_view rest = path;
  while (true) {
    const auto [name, after] = CutPath(rest);
    const FieldDescriptor* field = FindField(*owner->GetDescriptor(), name);
    if (field == nullptr) return Bad(path, "unknown parameter");
    absl::StrAppend(&canonical, canonical.empty() ? "" : ".", field->name());
    SR_RETURN_IF_ERROR(CheckAllowed(path, canonical));
    if (field->is_map()) {
      const bool bracket = after.size() > 2 && after.front() == '[' && after.back() == ']';
      const bool dot = after.size() > 1 && after.front() == '.';
      if (!bracket && !dot) return Bad(path, "name a key, as in attributes[camera]=…");
      return SetMapEntry(*owner, *field, path,
                         bracket ? after.substr(1, after.size() - 2) : after.substr(1), value);
    }
    if (after.empty()) {
      if (!field->is_repeated()) {
        if (!seen_.insert(canonical).second) return Bad(path, "is given twice");
        return StoreScalar(*owner, *field, path, value);
      }
      if (lists_ == Lists::kRepeatedName) return StoreScalar(*owner, *field, path, value);
      std::string_view list = value;
      while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view element = list.substr(0, comma);
        while (!element.empty() && element.front() == ' ') element.remove_prefix(1);
        while (!element.empty() && element.back() == ' ') element.remove_suffix(1);
        if (!element.empty()) SR_RETURN_IF_ERROR(StoreScalar(*owner, *field, path, element));
        list.remove_prefix(std::min(comma + 1, list.size()));
      }
      return absl::OkStatus();
    }
    if (after.front() != '.' || field->message_type() == nullptr || field->is_repeated()) {
      return Bad(path, "unknown parameter");
    }
    owner = owner->GetReflection()->MutableMessage(owner, field);
    rest = after.substr(1);
  }
}

absl::Status FieldSetter::SetMapEntry(Message& owner, const FieldDescriptor& map,
                                      std::string_view path, std::string_view key,
                                      std::string_view value) {
  if (!seen_.insert(absl::StrCat(map.full_name(), "[", Av(key), "]")).second) {
    return Bad(path, "is given twice");
  }
  Message* entry = owner.GetReflection()->AddMessage(&owner, &map);
  const Descriptor& type = *entry->GetDescriptor();
  SR_RETURN_IF_ERROR(StoreScalar(*entry, *type.map_key(), path, key));
  return StoreScalar(*entry, *type.map_value(), path, value);
}

}  // namespace stockroom::api
