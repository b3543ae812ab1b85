#include "services/api/gateway/guard.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
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

absl::Status CheckOrigin(const Request& request, const std::vector<std::string>& trusted) {
  const std::string_view origin = request.headers.Get("Origin");
  if (origin.empty() || request.method == "GET" || request.method == "HEAD") {
    return absl::OkStatus();
  }
  const size_t scheme = origin.find("://");
  const bool own = scheme != std::string_view::npos &&
                   http::EqualsIgnoreCase(origin.substr(scheme + 3), request.headers.Get("Host"));
  const auto trusts = [&](std::string_view name) {
    return std::find(trusted.begin(), trusted.end(), name) != trusted.end();
  };
  if (own || trusts(origin) || trusts("*")) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kPermissionDenied,
                    "a page of another origin may not write here without credentials; see "
                    "gateway.cors_origins",
                    {.reason = "CROSS_ORIGIN"});
}

}  // namespace

Task<absl::StatusOr<Admitted>> AdmitRequest(Gate& gate, const Request& request, Scopes needed,
                                            const std::vector<std::string>& trusted_origins) {
  const absl::StatusOr<Credentials> credentials = CredentialsOf(request);
  if (!credentials.ok()) co_return credentials.status();
  std::optional<absl::StatusOr<Admitted>> admission = gate.TryAdmit(*credentials, needed);
  if (!admission) {
    auto admit = [&](auto done) {
      gate.Admit(request.context, *credentials, needed, std::move(done));
    };
    admission = co_await http::AwaitCallback<absl::StatusOr<Admitted>>(admit);
  }
  if (admission->ok() && (*admission)->who.anonymous) {
    const absl::Status origin = CheckOrigin(request, trusted_origins);
    if (!origin.ok()) co_return origin;
  }
  co_return *std::move(admission);
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

}  // namespace stockroom::api
