#include "tools/openapi/document.h"

#include <google/api/annotations.pb.h>
#include <stockroom/v1/options.pb.h>

#include <cctype>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/openapi/native_routes.h"

namespace stockroom::openapi {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr char kAbout[] =
    "Images go in, and come back found, described and resized. Every route but the pictures "
    "themselves is also a gRPC method of the same name. Errors are application/problem+json; "
    "`reason` is for programs, `detail` for people.";

struct Rule {
  std::string verb;  // get
  std::string path;
  std::string body;
  std::string response_body;
};

Rule RuleOf(const google::api::HttpRule& from) {
  Rule rule{.body = from.body(), .response_body = from.response_body()};
  switch (from.pattern_case()) {
    case google::api::HttpRule::kGet:
      return rule.verb = "get", rule.path = from.get(), rule;
    case google::api::HttpRule::kPut:
      return rule.verb = "put", rule.path = from.put(), rule;
    case google::api::HttpRule::kPost:
      return rule.verb = "post", rule.path = from.post(), rule;
    case google::api::HttpRule::kDelete:
      return rule.verb = "delete", rule.path = from.delete_(), rule;
    case google::api::HttpRule::kPatch:
      return rule.verb = "patch", rule.path = from.patch(), rule;
    default:
      std::fprintf(stderr, "a google.api.http rule without a method\n");
      std::exit(1);
  }
}

const std::regex& Variable() {
  static const auto* const variable = new std::regex("\\{([^}=]+)[^}]*\\}");
  return *variable;
}

// image.id is called id: two templates that differ in names only are one path.
std::string LastName(const std::string& field) { return field.substr(field.rfind('.') + 1); }

std::string PathOf(const Rule& rule) {
  std::string path;
  std::string rest = rule.path;
  for (std::smatch match; std::regex_search(rest, match, Variable()); rest = match.suffix()) {
    path += match.prefix().str() + "{" + LastName(match[1]) + "}";
  }
  return path + rest;
}

std::string FirstSentence(const std::string& text) {
  const size_t end = text.find(". ");
  const std::string line = text.substr(0, text.find('\n'));
  return end < line.size() ? text.substr(0, end + 1) : line;
}

class Operation {
 public:
  Operation(Schemas& schemas, const MethodDescriptor& method, const Rule& rule, bool older)
      : schemas_(schemas), method_(method), rule_(rule), older_(older) {}

  Json Make(const std::string& id) {
    const std::string comment = CommentOf(method_);
    json_ = {{"operationId", id},
             {"tags", Json::array({method_.service()->name()})},
             {"summary", FirstSentence(comment)},
             {"description", comment}};
    if (older_) json_["description"] = "A route of an older system.\n\n" + comment;
    AddParameters();
    AddBody();
    AddResponses();
    json_["security"] = Security(method_.options().GetExtension(stockroom::v1::required_scope));
    return json_;
  }

 private:
  bool streamed() const { return method_.client_streaming(); }

  void AddParameters() {
    Json parameters = Json::array();
    std::set<std::string> in_path;
    for (auto it = std::sregex_iterator(rule_.path.begin(), rule_.path.end(), Variable());
         it != std::sregex_iterator(); ++it) {
      in_path.insert((*it)[1]);
      parameters.push_back({{"name", LastName((*it)[1])},
                            {"in", "path"},
                            {"required", true},
                            {"schema", schemas_.OfField(*Find(method_.input_type(), (*it)[1]))}});
    }
    if (streamed()) {
      AddFields(*HeaderType(), {}, parameters);
    } else if (rule_.body != "*") {
      AddFields(*method_.input_type(), in_path, parameters);
    }
    const bool image_write = rule_.verb != "get" && method_.service()->name() == "ImageService" &&
                             method_.name() != "ReprocessImages";
    if (image_write || method_.name() == "CreateUpload") {
      parameters.push_back(Reference("parameters/IdempotencyKey"));
    }
    if (method_.input_type()->FindFieldByName("if_revision") != nullptr) {
      parameters.push_back(Reference("parameters/IfMatch"));
    }
    if (method_.server_streaming()) parameters.push_back(Reference("parameters/LastEventId"));
    if (!parameters.empty()) json_["parameters"] = std::move(parameters);
  }

  static const FieldDescriptor* Find(const Descriptor* type, const std::string& path) {
    const FieldDescriptor* field = nullptr;
    for (const absl::string_view name : absl::StrSplit(path, '.')) {
      field = type->FindFieldByName(std::string(name));
      type = field->message_type();
    }
    return field;
  }

  // Scalars, lists of them, and what is written as one text.
  void AddFields(const Descriptor& type, const std::set<std::string>& in_path, Json& parameters) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (field.name() == rule_.body || in_path.contains(field.name()) || field.is_map()) continue;
      const bool message = field.message_type() != nullptr &&
                           field.message_type()->full_name() != "google.protobuf.FieldMask";
      if (message) continue;
      Json schema = schemas_.OfField(field);
      Json parameter = {{"name", field.name()}, {"in", "query"}};
      if (schema.contains("description")) {
        parameter["description"] = schema["description"];
        schema.erase("description");
      }
      parameter["schema"] = std::move(schema);
      parameters.push_back(std::move(parameter));
    }
  }

  const Descriptor* HeaderType() const {
    const auto& option = method_.options().GetExtension(v1::streamed_body);
    return method_.input_type()->FindFieldByName(option.header_field())->message_type();
  }

  void AddBody() {
    if (rule_.body.empty()) return;
    Json content;
    if (streamed()) {
      const Json header = schemas_.Reference(*HeaderType());
      const Json file = {{"type", "object"},
                         {"properties", {{"image", {{"type", "string"}, {"format", "binary"}}}}},
                         {"required", Json::array({"image"})}};
      const Json base64 = {
          {"type", "object"},
          {"properties",
           {{"image", {{"type", "string"}, {"description", "base64, or a data URL in base64"}}}}},
          {"required", Json::array({"image"})}};
      content["multipart/form-data"]["schema"] = {{"allOf", Json::array({header, file})}};
      content["application/octet-stream"]["schema"] = {{"type", "string"}, {"format", "binary"}};
      content["image/*"]["schema"] = {{"type", "string"}, {"format", "binary"}};
      content["application/json"]["schema"] = {{"allOf", Json::array({header, base64})}};
    } else if (rule_.body == "*") {
      content = Content("application/json", schemas_.Reference(*method_.input_type()));
    } else {
      content = Content("application/json",
                        schemas_.OfField(*method_.input_type()->FindFieldByName(rule_.body)));
    }
    json_["requestBody"] = {{"required", true}, {"content", std::move(content)}};
  }

  Json Answer() {
    if (method_.server_streaming()) {
      schemas_.Reference(*method_.output_type());
      return Content("text/event-stream", {{"type", "string"}});
    }
    if (rule_.response_body.empty()) {
      return Content("application/json", schemas_.Reference(*method_.output_type()));
    }
    return Content("application/json",
                   schemas_.OfField(*method_.output_type()->FindFieldByName(rule_.response_body)));
  }

  void AddResponses() {
    Json responses;
    const Json answer = Answer();
    responses["200"] = {{"description", streamed() ? "These bytes were there already." : "Done."},
                        {"content", answer}};
    if (streamed()) {
      responses["201"] = {{"description", "Stored."}, {"content", answer}};
      responses["202"] = {{"description", "Stored, but the wait ended before it was processed."},
                          {"content", answer}};
    }
    responses["default"] = Reference("responses/Problem");
    json_["responses"] = std::move(responses);
  }

  Schemas& schemas_;
  const MethodDescriptor& method_;
  const Rule& rule_;
  const bool older_;
  Json json_;
};

void AddMethod(const MethodDescriptor& method, Schemas& schemas, Json& paths) {
  if (!method.options().HasExtension(google::api::http)) return;
  const auto& http = method.options().GetExtension(google::api::http);
  const Rule first = RuleOf(http);
  paths[PathOf(first)][first.verb] = Operation(schemas, method, first, false).Make(method.name());
  int number = 1;
  for (const auto& additional : http.additional_bindings()) {
    const Rule rule = RuleOf(additional);
    const bool older = !rule.path.starts_with("/v1/");
    paths[PathOf(rule)][rule.verb] =
        Operation(schemas, method, rule, older).Make(absl::StrCat(method.name(), ++number));
  }
}

Json SharedParameters() {
  const auto header = [](const std::string& name, const std::string& description) {
    return Json{{"name", name},
                {"in", "header"},
                {"description", description},
                {"schema", {{"type", "string"}}}};
  };
  return {{"IdempotencyKey",
           header("Idempotency-Key",
                  "Names this attempt: the same key and request within 24 hours get the first "
                  "answer (Idempotency-Replayed: true); another request 422; while the first is "
                  "under way 409.")},
          {"IfMatch", header("If-Match",
                             "Only if the image has this revision (its ETag, as in \"7\"); else "
                             "412.")},
          {"LastEventId",
           header("Last-Event-ID", "Goes on behind this event; wins over after_position.")}};
}

Json ProblemSchema() {
  const Json text = {{"type", "string"}};
  return {{"type", "object"},
          {"description", "RFC 9457, with what gRPC carries as error details."},
          {"properties",
           {{"type", text},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", {{"type", "string"}, {"description", "For people."}}},
            {"code", {{"type", "string"}, {"description", "The gRPC code."}}},
            {"reason", {{"type", "string"}, {"description", "For programs."}}},
            {"request_id", text},
            {"violations",
             {{"type", "array"},
              {"items",
               {{"type", "object"}, {"properties", {{"field", text}, {"description", text}}}}}}},
            {"metadata", {{"type", "object"}, {"additionalProperties", text}}},
            {"retry_after_ms", {{"type", "integer"}}}}},
          {"required", Json::array({"type", "title", "status", "detail", "code", "request_id"})},
          {"examples",
           Json::array({{{"type", "about:blank"},
                         {"title", "Not Found"},
                         {"status", 404},
                         {"detail", "there is no image 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"},
                         {"code", "NOT_FOUND"},
                         {"reason", "IMAGE_NOT_FOUND"},
                         {"request_id", "4bf92f3577b34da6"}}})}};
}

}  // namespace

Json MakeDocument(std::span<const ServiceDescriptor* const> services, const std::string& version) {
  Schemas schemas;
  Json tags = Json::array();
  Json paths = Json::object();
  for (const ServiceDescriptor* service : services) {
    tags.push_back({{"name", service->name()}, {"description", CommentOf(*service)}});
    for (int i = 0; i < service->method_count(); ++i) {
      AddMethod(*service->method(i), schemas, paths);
    }
  }
  tags.push_back({{"name", "Pictures"}, {"description", "The bytes themselves."}});
  tags.push_back({{"name", "Operations"}, {"description", "For those who run it."}});
  AddNativeRoutes(paths);
  Json components = schemas.Components();
  components["Problem"] = ProblemSchema();
  return {
      {"openapi", "3.1.0"},
      {"info", {{"title", "Stockroom"}, {"version", version}, {"description", kAbout}}},
      {"servers", Json::array({{{"url", "/"}}})},
      {"tags", std::move(tags)},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", std::move(components)},
        {"parameters", SharedParameters()},
        {"securitySchemes",
         {{"bearer",
           {{"type", "http"},
            {"scheme", "bearer"},
            {"description", "An API key, or a token of the configured identity provider."}}},
          {"apiKey", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-API-Key"}}}}},
        {"responses",
         {{"Problem",
           {{"description", "What went wrong."},
            {"content", Content("application/problem+json", Reference("schemas/Problem"))}}}}}}}};
}

}  // namespace stockroom::openapi
