#include "tools/openapi/native_routes.h"

#include <utility>

namespace stockroom::openapi {

Json Security(const std::string& scope) {
  const Json scopes = scope == "none" ? Json::array() : Json::array({scope});
  return Json::array({{{"bearer", scopes}}, {{"apiKey", scopes}}, Json::object()});
}

Json Reference(const std::string& what) { return {{"$ref", "#/components/" + what}}; }

Json Content(const std::string& media_type, Json schema) {
  return {{media_type, {{"schema", std::move(schema)}}}};
}

namespace {

Json Text(const std::string& description, const std::string& media_type) {
  return {{"200",
           {{"description", description}, {"content", Content(media_type, {{"type", "string"}})}}}};
}

Json Header(const std::string& description) {
  return {{"description", description}, {"schema", {{"type", "string"}}}};
}

// services/api/gateway/tus_creation.h
void AddTusCreation(Json& paths) {
  const auto header = [](const std::string& name, bool required, const std::string& description,
                         const std::string& type) {
    return Json{{"name", name},
                {"in", "header"},
                {"required", required},
                {"description", description},
                {"schema", {{"type", type}}}};
  };
  Json created = {{"description", "It exists; bytes go to the URL that Location names."}};
  created["headers"] = {
      {"Location",
       Header("The upload, at the file server, by signed URL: treat it as a password.")},
      {"Upload-Expires", Header("Until when it works.")},
      {"Tus-Resumable", Header("1.0.0")}};
  paths["/v1/uploads/tus"]["post"] = {
      {"operationId", "CreateTusUpload"},
      {"tags", Json::array({"UploadService"})},
      {"summary", "CreateUpload for clients of tus 1.0."},
      {"description",
       "The creation endpoint for standard tus clients. The body is empty. What has arrived wholly "
       "is completed by itself a little later, or at once by CompleteUpload with the last part of "
       "Location's path as id."},
      {"parameters",
       Json::array(
           {header("Tus-Resumable", true, "1.0.0", "string"),
            header("Upload-Length", true, "The file's exact length in bytes.", "integer"),
            header("Upload-Metadata", false,
                   "Fields of CreateUploadRequest as keys with values in base64: filename, title, "
                   "description, tags (a,b), license, visibility, sha256, attributes.KEY, and so "
                   "on; filetype is the content_type. Other keys mean nothing.",
                   "string"),
            Reference("parameters/IdempotencyKey")})},
      {"security", Security("images:write")},
      {"responses", {{"201", created}, {"default", Reference("responses/Problem")}}}};
  Json told = {{"description", "What tus can do here."}};
  told["headers"] = {{"Tus-Version", Header("1.0.0")},
                     {"Tus-Extension", Header("creation,expiration,termination")},
                     {"Tus-Max-Size", Header("Most bytes of an upload.")}};
  paths["/v1/uploads/tus"]["options"] = {
      {"operationId", "GetTusOptions"},
      {"tags", Json::array({"UploadService"})},
      {"summary", "What tus can do here."},
      {"responses", {{"204", told}, {"default", Reference("responses/Problem")}}}};
}

}  // namespace

void AddNativeRoutes(Json& paths) {
  AddTusCreation(paths);
  const Json id = {{"name", "id"},
                   {"in", "path"},
                   {"required", true},
                   {"schema", {{"type", "string"}, {"format", "uuid"}}}};
  const Json file = {
      {"name", "file"},
      {"in", "path"},
      {"required", true},
      {"description", "A preset and a format, or `original`."},
      {"schema", {{"type", "string"}, {"examples", Json::array({"thumb-320.jpg"})}}}};
  const Json bytes = Content("image/*", {{"type", "string"}, {"format", "binary"}});
  paths["/i/{id}/{file}"]["get"] = {
      {"operationId", "GetPicture"},
      {"tags", Json::array({"Pictures"})},
      {"summary", "A rendition or the original."},
      {"description",
       "With strong ETag, 304, one range, and HEAD. Originals come as downloads. The addresses of "
       "an image's renditions are in its record."},
      {"parameters", Json::array({id, file})},
      {"security", Security("images:read")},
      {"responses",
       {{"200", {{"description", "The bytes."}, {"content", bytes}}},
        {"206", {{"description", "The range that was asked for."}, {"content", bytes}}},
        {"304", {{"description", "What the client has is current."}}},
        {"default", Reference("responses/Problem")}}}};
  const auto operational = [&](const std::string& path, const std::string& operation,
                               const std::string& summary, Json responses) {
    paths[path]["get"] = {{"operationId", operation},
                          {"tags", Json::array({"Operations"})},
                          {"summary", summary},
                          {"responses", std::move(responses)}};
  };
  operational("/healthz", "GetHealth", "The process is alive.", Text("Alive.", "application/json"));
  Json ready = Text("Ready.", "application/json");
  ready["503"] = {{"description", "Not ready; the reasons."},
                  {"content", Content("application/json", {{"type", "object"}})}};
  operational("/readyz", "GetReadiness", "The index is loaded.", std::move(ready));
  operational("/metrics", "GetMetrics", "Metrics for Prometheus.",
              Text("Text format 0.0.4.", "text/plain"));
}

}  // namespace stockroom::openapi
