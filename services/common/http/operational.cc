#include <nlohmann/json.hpp>

#include "services/common/base/status.h"
#include "services/common/http/server.h"

namespace stockroom::http {
namespace {

Response Json(int status, const nlohmann::json& body) {
  Response response =
      Response::Text(status, "application/json",
                     body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

}  // namespace

absl::Status MountOperational(Router& router, Metrics& metrics, ReadinessFn readiness) {
  RouteOptions options;
  options.operational = true;
  options.max_body_bytes = 0;
  SR_RETURN_IF_ERROR(router.AddPlain("GET", "/healthz", options, [](Request&) {
    return Json(200, {{"status", "alive"}});
  }));
  SR_RETURN_IF_ERROR(
      router.AddPlain("GET", "/readyz", options, [readiness = std::move(readiness)](Request&) {
        const std::vector<std::string> reasons = readiness();
        if (reasons.empty()) return Json(200, {{"status", "ready"}});
        return Json(503, {{"status", "not ready"}, {"reasons", reasons}});
      }));
  return router.AddPlain("GET", "/metrics", options, [&metrics](Request&) {
    return Response::Text(200, "text/plain; version=0.0.4; charset=utf-8", metrics.Render());
  });
}

}  // namespace stockroom::http
