#include "services/api/gateway/transcoder.h"

#include <google/api/annotations.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/api/gateway/field_setter.h"
#include "services/api/gateway/json_shape.h"
#include "services/api/handlers/serialise.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/path_template.h"
#include "services/common/http/url.h"

namespace stockroom::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr char kMaskField[] = "update_mask";
constexpr char kTypeUrl[] = "type.googleapis.com";

absl::Status BadRule(const MethodDescriptor& method, std::string_view what) {
  return InvalidArgument("BAD_HTTP_RULE", absl::StrCat(method.full_name(), ": ", Av(what)));
}

absl::StatusOr<Binding> Convert(const MethodDescriptor& method, const google::api::HttpRule& rule) {
  Binding binding{&method, "", "", rule.body(), rule.response_body()};
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      binding.http_method = "GET";
      binding.path = rule.get();
      break;
    case google::api::HttpRule::kPut:
      binding.http_method = "PUT";
      binding.path = rule.put();
      break;
    case google::api::HttpRule::kPost:
      binding.http_method = "POST";
      binding.path = rule.post();
      break;
    case google::api::HttpRule::kDelete:
      binding.http_method = "DELETE";
      binding.path = rule.delete_();
      break;
    case google::api::HttpRule::kPatch:
      binding.http_method = "PATCH";
      binding.path = rule.patch();
      break;
    default:
      return BadRule(method, "custom and empty HTTP patterns are not supported");
  }
  SR_ASSIGN_OR_RETURN(const http::PathTemplate path, http::PathTemplate::Parse(binding.path));
  for (const std::string& variable : path.variables()) {
    const auto field = FieldSetter::Resolve(*method.input_type(), variable);
    if (!field.ok()) return BadRule(method, Sv(field.status().message()));
    if ((*field)->is_repeated() || (*field)->message_type() != nullptr) {
      return BadRule(method, absl::StrCat("path variable ", variable, " must have one value"));
    }
  }
  const bool body_known = binding.body.empty() || binding.body == "*" ||
                          method.input_type()->FindFieldByName(binding.body) != nullptr;
  if (!body_known) return BadRule(method, "body names no field of the request");
  if (!binding.response_body.empty() &&
      method.output_type()->FindFieldByName(binding.response_body) == nullptr) {
    return BadRule(method, "response_body names no field of the response");
  }
  return binding;
}

// INVALID_ARGUMENT with the position if the text is no JSON.
absl::StatusOr<nlohmann::json> ParseJson(const std::string& text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    const std::string_view what = e.what();
    const size_t bracket = what.find("] ");
    return InvalidArgument(
        "BAD_JSON", absl::StrCat("the body is not JSON: ",
                                 Av(bracket == what.npos ? what : what.substr(bracket + 2))));
  }
}

std::set<std::string> KeysOf(const nlohmann::json& value) {
  std::set<std::string> keys;
  if (!value.is_object()) return keys;
  for (const auto& [name, member] : value.items()) keys.insert(name);
  return keys;
}

// Against the request or, where the rule names one, its body field.
absl::Status CheckShape(const Binding& binding, const nlohmann::json& value,
                        const Message& request) {
  const Descriptor* type = request.GetDescriptor();
  if (binding.body != "*") type = type->FindFieldByName(binding.body)->message_type();
  if (type == nullptr || type->file()->package() == "google.protobuf") return absl::OkStatus();
  return CheckJsonShape(value, *type);
}

// protobuf says "(image.tags[1]): invalid value …" or "(image) title: Cannot find field."
absl::Status JsonError(std::string_view message) {
  ErrorDetails details;
  details.reason = "BAD_JSON";
  const size_t open = message.find('(');
  const size_t close = message.find(')');
  if (open != message.npos && close != message.npos && close > open) {
    std::string field(message.substr(open + 1, close - open - 1));
    std::string_view rest = message.substr(close + 1);
    const size_t colon = rest.find(": ");
    if (colon != rest.npos) {
      const std::string_view member = Sv(absl::StripAsciiWhitespace(Av(rest.substr(0, colon))));
      if (!member.empty()) absl::StrAppend(&field, field.empty() ? "" : ".", Av(member));
      rest = rest.substr(colon + 2);
    }
    const bool unknown = rest.find("Cannot find field") != rest.npos;
    const std::string what = unknown ? "unknown field" : std::string(rest);
    details.violations.push_back({field, what});
    return MakeStatus(absl::StatusCode::kInvalidArgument, absl::StrCat(field, ": ", what),
                      std::move(details));
  }
  return MakeStatus(absl::StatusCode::kInvalidArgument,
                    absl::StrCat("the JSON does not fit: ", Av(message)), std::move(details));
}

absl::Status ReadBody(const Binding& binding, const std::string& json, Message& request) {
  std::string wrapped;
  if (binding.body != "*") {
    const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(binding.body);
    wrapped = absl::StrCat("{\"", field->json_name(), "\":", json, "}");
  }
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(wrapped.empty() ? json : wrapped, &request);
  if (parsed.ok()) return absl::OkStatus();
  return JsonError(std::string_view(parsed.message().data(), parsed.message().size()));
}

// See BuildRequest. Members that the path sets anyway are not changes.
void DeriveMask(const Binding& binding, const std::set<std::string>& keys, const HttpInput& input,
                Message& request) {
  const FieldDescriptor* mask = request.GetDescriptor()->FindFieldByName(kMaskField);
  const FieldDescriptor* body = request.GetDescriptor()->FindFieldByName(binding.body);
  if (mask == nullptr || body == nullptr || body->message_type() == nullptr ||
      mask->message_type() != google::protobuf::FieldMask::descriptor() ||
      request.GetReflection()->HasField(request, mask)) {
    return;
  }
  auto* paths = google::protobuf::DynamicCastToGenerated<google::protobuf::FieldMask>(
      request.GetReflection()->MutableMessage(&request, mask));
  std::set<std::string> names;
  for (const std::string& key : keys) {
    const FieldDescriptor* field = FindField(*body->message_type(), key);
    if (field == nullptr) continue;
    const std::string full = absl::StrCat(binding.body, ".", field->name());
    const bool in_path = std::any_of(input.captures.begin(), input.captures.end(),
                                     [&](const auto& capture) { return capture.first == full; });
    if (!in_path) names.insert(field->name());
  }
  for (const std::string& name : names) paths->add_paths(name);
}

// A body that names another id than the path does is a mistake that must not pass silently.
absl::Status CheckPathAgrees(const Message& request, std::string_view path,
                             std::string_view value) {
  const Message* owner = &request;
  std::string_view rest = path;
  while (true) {
    const size_t dot = rest.find('.');
    const FieldDescriptor* field = FindField(*owner->GetDescriptor(), rest.substr(0, dot));
    if (dot != rest.npos) {
      owner = &owner->GetReflection()->GetMessage(*owner, field);
      rest = rest.substr(dot + 1);
      continue;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return absl::OkStatus();
    const std::string given = owner->GetReflection()->GetString(*owner, field);
    if (given.empty() || given == value) return absl::OkStatus();
    return InvalidField(path, "differs between the body and the path");
  }
}

std::string_view ToView(google::protobuf::StringPiece s) { return {s.data(), s.size()}; }

absl::StatusOr<std::string> ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  // Maps in the order of their keys, so that a repeated answer is the same to the byte.
  const std::string bytes = Serialise(message);
  static google::protobuf::util::TypeResolver* const types =
      google::protobuf::util::NewTypeResolverForDescriptorPool(
          kTypeUrl, google::protobuf::DescriptorPool::generated_pool());
  std::string json;
  const auto printed = google::protobuf::util::BinaryToJsonString(
      types, absl::StrCat(kTypeUrl, "/", message.GetDescriptor()->full_name()), bytes, &json,
      options);
  if (!printed.ok()) {
    return absl::InternalError(absl::StrCat("can not write JSON: ", Av(ToView(printed.message()))));
  }
  return json;
}

}  // namespace

absl::StatusOr<std::vector<Binding>> BindingsOf(const MethodDescriptor& method) {
  std::vector<Binding> bindings;
  if (!method.options().HasExtension(google::api::http)) return bindings;
  const google::api::HttpRule& rule = method.options().GetExtension(google::api::http);
  SR_ASSIGN_OR_RETURN(Binding first, Convert(method, rule));
  bindings.push_back(std::move(first));
  for (const google::api::HttpRule& additional : rule.additional_bindings()) {
    SR_ASSIGN_OR_RETURN(Binding next, Convert(method, additional));
    bindings.push_back(std::move(next));
  }
  return bindings;
}

MessagePtr NewMessage(const Descriptor& type) {
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
  return MessagePtr(prototype->New());
}

absl::Status MergeJson(const nlohmann::json& value, Message& message) {
  SR_RETURN_IF_ERROR(CheckJsonShape(value, *message.GetDescriptor()));
  const MessagePtr read = NewMessage(*message.GetDescriptor());
  const auto parsed = google::protobuf::util::JsonStringToMessage(value.dump(), read.get());
  if (!parsed.ok()) return JsonError(ToView(parsed.message()));
  for (const std::string& key : KeysOf(value)) {
    const FieldDescriptor* field = FindField(*message.GetDescriptor(), key);
    if (field != nullptr) message.GetReflection()->ClearField(&message, field);
  }
  message.MergeFrom(*read);
  return absl::OkStatus();
}

absl::StatusOr<MessagePtr> BuildRequest(const Binding& binding, const HttpInput& input) {
  MessagePtr request = NewMessage(*binding.method->input_type());
  std::set<std::string> keys;
  if (!binding.body.empty() && !input.body.empty()) {
    SR_ASSIGN_OR_RETURN(const nlohmann::json value, ParseJson(input.body));
    SR_RETURN_IF_ERROR(CheckShape(binding, value, *request));
    keys = KeysOf(value);
    SR_RETURN_IF_ERROR(ReadBody(binding, input.body, *request));
  }
  for (const auto& [name, value] : input.captures) {
    SR_RETURN_IF_ERROR(CheckPathAgrees(*request, name, value));
  }
  FieldSetter fields(*request, Lists::kRepeatedName);
  for (const auto& [name, value] : input.captures) {
    SR_RETURN_IF_ERROR(fields.Set(name, value));
    fields.Forbid(name, "is part of the path already");
  }
  SR_ASSIGN_OR_RETURN(const auto parameters, http::ParseQuery(input.query));
  if (binding.body == "*" && !parameters.empty()) {
    return InvalidField(parameters[0].first, "this request takes its parameters in the body");
  }
  if (!binding.body.empty()) fields.Forbid(binding.body, "belongs into the body");
  for (const auto& [name, value] : parameters) SR_RETURN_IF_ERROR(fields.Set(name, value));
  if (binding.http_method == "PATCH") DeriveMask(binding, keys, input, *request);
  return request;
}

absl::StatusOr<std::string> RenderResponse(const Binding& binding, const Message& response) {
  if (binding.response_body.empty()) return ToJson(response);
  const FieldDescriptor* field = response.GetDescriptor()->FindFieldByName(binding.response_body);
  const google::protobuf::Reflection& reflection = *response.GetReflection();
  if (field->message_type() != nullptr && !field->is_repeated()) {
    return ToJson(reflection.GetMessage(response, field));
  }
  if (field->message_type() != nullptr && !field->is_map()) {
    std::string list = "[";
    for (int i = 0; i < reflection.FieldSize(response, field); ++i) {
      SR_ASSIGN_OR_RETURN(const std::string element,
                          ToJson(reflection.GetRepeatedMessage(response, field, i)));
      absl::StrAppend(&list, i == 0 ? "" : ",", element);
    }
    return absl::StrCat(list, "]");
  }
  SR_ASSIGN_OR_RETURN(const std::string all, ToJson(response));
  return nlohmann::ordered_json::parse(all)[field->json_name()].dump();
}

}  // namespace stockroom::api
