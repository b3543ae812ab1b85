// Routes behind the gate. Internal to services/api/gateway.
#pragma once

#include <optional>
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
// token there is no such danger: browsers add none by themselves. A request that GuardedTry let in
// before is not asked, or counted against its caller's limit, again.
http::Task<absl::StatusOr<Admitted>> AdmitRequest(Gate& gate, const http::Request& request,
                                                  Scopes needed, const OriginRules& origins);

// The same if it can be said without waiting; nullopt calls for AdmitRequest.
std::optional<absl::StatusOr<Admitted>> TryAdmitRequest(Gate& gate, const http::Request& request,
                                                        Scopes needed, const OriginRules& origins);

// RateLimit-Limit, -Remaining and -Reset, where requests are limited.
void AddRateHeaders(const std::optional<RateLimiter::Decision>& rate, http::Response& response);

// The answer to a request that was not let in.
http::Response RefusalOf(const absl::Status& why, const http::Request& request);

// The answer to one that was; errors become problems.
http::Response AnswerOf(absl::StatusOr<http::Response> served, const Admitted& admission,
                        const http::Request& request);

// A handler that lets `serve` (Task<StatusOr<Response>>(const Principal&, Request&)) answer those
// who are let in; errors become problems. `gate` and `origins` must outlive it.
template <typename Serve>
http::Handler Guarded(Gate& gate, Scopes needed, const OriginRules& origins, Serve serve) {
  return [&gate, needed, &origins,
          serve = std::move(serve)](http::Request& request) -> http::Task<http::Response> {
    const absl::StatusOr<Admitted> admission =
        co_await AdmitRequest(gate, request, needed, origins);
    if (!admission.ok()) co_return RefusalOf(admission.status(), request);
    co_return AnswerOf(co_await serve(admission->who, request), *admission, request);
  };
}

// For the same route: `serve` (std::optional<StatusOr<Response>>(const Principal&, const Request&))
// answers what it can without waiting; see http::TryHandler. Whom the gate can not decide about at
// once, and what `serve` has no answer to, is left to Guarded.
template <typename Serve>
http::TryHandler GuardedTry(Gate& gate, Scopes needed, const OriginRules& origins, Serve serve) {
  return [&gate, needed, &origins,
          serve = std::move(serve)](http::Request& request) -> std::optional<http::Response> {
    std::optional<absl::StatusOr<Admitted>> admission =
        TryAdmitRequest(gate, request, needed, origins);
    if (!admission) return std::nullopt;
    if (!admission->ok()) return RefusalOf(admission->status(), request);
    std::optional<absl::StatusOr<http::Response>> served = serve((*admission)->who, request);
    if (served) return AnswerOf(*std::move(served), **admission, request);
    request.carried = **std::move(admission);
    return std::nullopt;
  };
}

}  // namespace stockroom::api
