#include "services/api/gateway/guard.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "services/common/base/config.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using http::Request;
using http::Task;

absl::StatusOr<Credentials> CredentialsOf(const Request& request) {
  if (request.headers.Count("Authorization") > 1 || request.headers.Count("X-API-Key") > 1) {
    return InvalidCredentials("credentials were sent twice");
  }
  absl::StatusOr<Credentials> credentials =
      ReadCredentials(request.headers.Get("Authorization"), request.headers.Get("X-API-Key"));
  if (credentials.ok()) credentials->peer = request.peer;
  return credentials;
}

bool Contains(const std::vector<std::string>& list, std::string_view what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

// host[:port] of an origin; "" for "null".
std::string_view AuthorityOf(std::string_view origin) {
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

absl::Status Refuse(const char* reason, const char* message) {
  return MakeStatus(absl::StatusCode::kPermissionDenied, message, {.reason = reason});
}

absl::Status CheckHost(std::string_view host, const OriginRules& origins) {
  // Browsers always say it.
  if (!origins.loopback_only || host.empty()) return absl::OkStatus();
  // Without a port it is any.
  const size_t colon = host.rfind(':');
  const bool port = colon != std::string_view::npos && host.find(']', colon) == host.npos;
  const std::string_view name = port ? host.substr(0, colon) : host;
  if (IsLoopbackAddress(std::string(name) + ":1") || Contains(origins.hosts, name)) {
    return absl::OkStatus();
  }
  for (const std::string& origin : origins.trusted) {
    if (http::EqualsIgnoreCase(AuthorityOf(origin), host)) return absl::OkStatus();
  }
  return Refuse("UNKNOWN_HOST",
                "this gateway listens on loopback and is not known by that name; see "
                "gateway.hosts");
}

absl::Status CheckOrigin(const Request& request, const OriginRules& origins) {
  SR_RETURN_IF_ERROR(CheckHost(request.headers.Get("Host"), origins));
  const std::string_view origin = request.headers.Get("Origin");
  if (origin.empty() || request.method == "GET" || request.method == "HEAD") {
    return absl::OkStatus();
  }
  const std::string_view authority = AuthorityOf(origin);
  const bool own =
      !authority.empty() && http::EqualsIgnoreCase(authority, request.headers.Get("Host"));
  if (own || Contains(origins.trusted, origin) || Contains(origins.trusted, "*")) {
    return absl::OkStatus();
  }
  return Refuse("CROSS_ORIGIN",
                "a page of another origin may not write here without credentials; see "
                "gateway.cors_origins");
}

// Nothing that a page could not send by itself: only its origin tells it from the user.
absl::StatusOr<Admitted> AtThisOrigin(absl::StatusOr<Admitted> admission, const Request& request,
                                      const OriginRules& origins) {
  if (admission.ok() && admission->who.anonymous) {
    SR_RETURN_IF_ERROR(CheckOrigin(request, origins));
  }
  return admission;
}

}  // namespace

std::optional<absl::StatusOr<Admitted>> TryAdmitRequest(Gate& gate, const Request& request,
                                                        Scopes needed, const OriginRules& origins) {
  const absl::StatusOr<Credentials> credentials = CredentialsOf(request);
  if (!credentials.ok()) return credentials.status();
  std::optional<absl::StatusOr<Admitted>> admission = gate.TryAdmit(*credentials, needed);
  if (admission) return AtThisOrigin(*std::move(admission), request, origins);
  return std::nullopt;
}

Task<absl::StatusOr<Admitted>> AdmitRequest(Gate& gate, const Request& request, Scopes needed,
                                            const OriginRules& origins) {
  if (const auto* before = std::any_cast<Admitted>(&request.carried)) co_return *before;
  std::optional<absl::StatusOr<Admitted>> admission =
      TryAdmitRequest(gate, request, needed, origins);
  if (admission) co_return *std::move(admission);
  auto admit = [&](auto done) {
    gate.Admit(request.context, *CredentialsOf(request), needed, std::move(done));
  };
  co_return AtThisOrigin(co_await http::AwaitCallback<absl::StatusOr<Admitted>>(admit), request,
                         origins);
}

void AddRateHeaders(const std::optional<RateLimiter::Decision>& rate, http::Response& response) {
  if (!rate) return;
  response.headers.Set("RateLimit-Limit", absl::StrCat(rate->limit));
  response.headers.Set("RateLimit-Remaining", absl::StrCat(rate->remaining));
  response.headers.Set(
      "RateLimit-Reset",
      absl::StrCat(absl::ToInt64Seconds(absl::Ceil(rate->reset, absl::Seconds(1)))));
}

http::Response RefusalOf(const absl::Status& why, const Request& request) {
  http::Response response = http::ProblemResponse(why, request.context.request_id);
  const ErrorDetails details = DetailsOf(why);
  const auto limit = details.metadata.find("limit");
  if (details.reason != "RATE_LIMITED" || limit == details.metadata.end()) return response;
  response.headers.Set("RateLimit-Limit", limit->second);
  response.headers.Set("RateLimit-Remaining", "0");
  response.headers.Set("RateLimit-Reset", response.headers.Get("Retry-After"));
  return response;
}

http::Response AnswerOf(absl::StatusOr<http::Response> served, const Admitted& admission,
                        const Request& request) {
  http::Response response =
      served.ok() ? *std::move(served)
                  : http::ProblemResponse(served.status(), request.context.request_id);
  AddRateHeaders(admission.rate, response);
  return response;
}

}  // namespace stockroom::api
