// Routes behind the gate. Internal to services/api/gateway.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/gateway/gateway.h"
#include "services/api/handlers/gate.h"
#include "services/common/http/message.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"

namespace stockroom::api {

// What the gate says of the request; and, of one that shows nothing, PERMISSION_DENIED:
// CROSS_ORIGIN (a page of another origin wants to write) or UNKNOWN_HOST (see OriginRules). With a
// token there is no such danger: browsers add none by themselves.
http::Task<absl::StatusOr<Admitted>> AdmitRequest(Gate& gate, const http::Request& request,
                                                  Scopes needed, const OriginRules& origins);

// RateLimit-Limit, -Remaining and -Reset, where requests are limited.
void AddRateHeaders(const std::optional<RateLimiter::Decision>& rate, http::Response& response);

// The answer to a request that was not let in.
http::Response RefusalOf(const absl::Status& why, const http::Request& request);

// A handler that lets `serve` (Task<StatusOr<Response>>(const Principal&, Request&)) answer those
// who are let in; errors become problems. `gate` and `origins` must outlive it.
template <typename Serve>
http::Handler Guarded(Gate& gate, Scopes needed, const OriginRules& origins, Serve serve) {
  return [&gate, needed, &origins,
          serve = std::move(serve)](http::Request& request) -> http::Task<http::Response> {
    const absl::StatusOr<Admitted> admission =
        co_await AdmitRequest(gate, request, needed, origins);
    if (!admission.ok()) co_return RefusalOf(admission.status(), request);
    absl::StatusOr<http::Response> served = co_await serve(admission->who, request);
    http::Response response =
        served.ok() ? *std::move(served)
                    : http::ProblemResponse(served.status(), request.context.request_id);
    AddRateHeaders(admission->rate, response);
    co_return response;
  };
}

}  // namespace stockroom::api
