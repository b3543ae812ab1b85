#include "tools/openapi/schemas.h"

#include <map>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace stockroom::openapi {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

// What a reader can try or recognise.
const std::map<std::string, Json>& Examples() {
  static const auto* const examples = new std::map<std::string, Json>{
      {"stockroom.v1.Image.id", "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"},
      {"stockroom.v1.Image.title", "Harbour at dusk"},
      {"stockroom.v1.Image.tags", Json::array({"sea", "boats"})},
      {"stockroom.v1.Image.license", "CC-BY-4.0"},
      {"stockroom.v1.UploadHeader.title", "Harbour at dusk"},
      {"stockroom.v1.UploadHeader.tags", Json::array({"sea", "boats"})},
      {"stockroom.v1.SearchImagesRequest.q", "harbour tags:sea from:01-01-2024"},
      {"stockroom.v1.WatchRequest.types", Json::array({"image.ready"})},
      {"stockroom.v1.Event.type", "image.ready"}};
  return *examples;
}

// How proto3 JSON writes these.
const std::map<std::string, Json>& WellKnown() {
  static const auto* const types = new std::map<std::string, Json>{
      {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
      {"google.protobuf.Struct", {{"type", "object"}}},
      {"google.protobuf.FieldMask",
       {{"type", "string"}, {"description", "Names of fields, separated by commas."}}}};
  return *types;
}

// With what it stands in, as both a Query and a Highlight have a Range.
template <typename D>
std::string NameOf(const D& descriptor) {
  return descriptor.full_name().substr(descriptor.file()->package().size() + 1);
}

std::string Unwrap(const std::string& comment) {
  std::vector<std::string> paragraphs;
  std::string paragraph;
  for (const absl::string_view raw : absl::StrSplit(comment, '\n')) {
    const absl::string_view line = absl::StripPrefix(raw, " ");
    const bool verbatim = !line.empty() && line[0] == ' ';
    if (line.empty() || verbatim) {
      if (!paragraph.empty()) paragraphs.push_back(std::exchange(paragraph, ""));
      if (verbatim) paragraphs.push_back("    " + std::string(line));
      continue;
    }
    paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
  }
  if (!paragraph.empty()) paragraphs.push_back(paragraph);
  std::string text;
  for (size_t i = 0; i < paragraphs.size(); ++i) {
    const bool together = i > 0 && absl::StartsWith(paragraphs[i], "    ") &&
                          absl::StartsWith(paragraphs[i - 1], "    ");
    text += (i == 0 ? "" : together ? "\n" : "\n\n") + paragraphs[i];
  }
  return text;
}

}  // namespace

template <typename D>
std::string CommentOf(const D& descriptor) {
  google::protobuf::SourceLocation location;
  return descriptor.GetSourceLocation(&location) ? Unwrap(location.leading_comments) : "";
}
template std::string CommentOf(const Descriptor&);
template std::string CommentOf(const FieldDescriptor&);
template std::string CommentOf(const google::protobuf::MethodDescriptor&);
template std::string CommentOf(const google::protobuf::ServiceDescriptor&);
template std::string CommentOf(const EnumDescriptor&);
template std::string CommentOf(const google::protobuf::EnumValueDescriptor&);

Json Schemas::OfField(const FieldDescriptor& field) {
  Json schema;
  if (field.is_map()) {
    schema = {{"type", "object"},
              {"additionalProperties", OfValue(*field.message_type()->map_value())}};
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", OfValue(field)}};
  } else {
    schema = OfValue(field);
  }
  const std::string comment = CommentOf(field);
  if (!comment.empty()) schema["description"] = comment;
  const auto example = Examples().find(field.full_name());
  if (example != Examples().end()) schema["examples"] = Json::array({example->second});
  return schema;
}

Json Schemas::OfValue(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::TYPE_STRING:
      return {{"type", "string"}};
    case FieldDescriptor::TYPE_BYTES:
      return {{"type", "string"}, {"contentEncoding", "base64"}};
    case FieldDescriptor::TYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::TYPE_UINT32:
      return {{"type", "integer"}, {"format", "int32"}, {"minimum", 0}};
    // As text: JavaScript's numbers are too short.
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_UINT64:
      return {{"type", "string"}, {"format", "int64"}};
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FLOAT:
      return {{"type", "number"}};
    case FieldDescriptor::TYPE_ENUM:
      components_.try_emplace(NameOf(*field.enum_type()), OfEnum(*field.enum_type()));
      return {{"$ref", "#/components/schemas/" + NameOf(*field.enum_type())}};
    case FieldDescriptor::TYPE_MESSAGE:
      return Reference(*field.message_type());
    default:
      std::fprintf(stderr, "no JSON Schema for %s\n", field.full_name().c_str());
      std::exit(1);
  }
}

Json Schemas::Reference(const Descriptor& message) {
  const auto known = WellKnown().find(message.full_name());
  if (known != WellKnown().end()) return known->second;
  const std::string name = NameOf(message);
  if (components_.try_emplace(name, Json()).second) {
    Json schema = OfMessage(message);
    components_[name] = std::move(schema);
  }
  return {{"$ref", "#/components/schemas/" + name}};
}

Json Schemas::OfMessage(const Descriptor& message) {
  Json schema = {{"type", "object"}};
  const std::string comment = CommentOf(message);
  if (!comment.empty()) schema["description"] = comment;
  Json properties = Json::object();
  for (int i = 0; i < message.field_count(); ++i) {
    properties[message.field(i)->json_name()] = OfField(*message.field(i));
  }
  schema["properties"] = std::move(properties);
  return schema;
}

Json Schemas::OfEnum(const EnumDescriptor& descriptor) {
  Json values = Json::array();
  std::string comment = CommentOf(descriptor);
  for (int i = 0; i < descriptor.value_count(); ++i) {
    const auto& value = *descriptor.value(i);
    values.push_back(value.name());
    const std::string about = CommentOf(value);
    if (!about.empty()) comment += (comment.empty() ? "" : "\n\n") + value.name() + ": " + about;
  }
  Json schema = {{"type", "string"}, {"enum", std::move(values)}};
  if (!comment.empty()) schema["description"] = comment;
  return schema;
}

Json Schemas::Components() const {
  Json all = Json::object();
  for (const auto& [name, schema] : components_) all[name] = schema;
  return all;
}

}  // namespace stockroom::openapi
