#include "services/api/handlers/gate.h"

#include <arpa/inet.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/api/domain/roles.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "stockroom/v1/options.pb.h"

namespace stockroom::api {
namespace {

Counter& RefusedCounter(Metrics& metrics, const char* why) {
  return metrics.GetCounter("stockroom_calls_refused_total",
                            "Calls that were not let in, by reason.", {{"why", why}});
}

absl::Status CheckScopes(const Principal& who, Scopes needed) {
  if (who.scopes.Contains(needed)) return absl::OkStatus();
  const std::string scopes = absl::StrJoin(ScopeNames(needed), " ");
  if (who.anonymous) {
    return MakeStatus(absl::StatusCode::kUnauthenticated,
                      "log in: send an API key or a token as 'Authorization: Bearer ...'",
                      {.reason = "CREDENTIALS_MISSING", .metadata = {{"scope", scopes}}});
  }
  return MakeStatus(absl::StatusCode::kPermissionDenied,
                    absl::StrCat("this needs the scope ", scopes, ", which you do not have"),
                    {.reason = "SCOPE_MISSING", .metadata = {{"scope", scopes}}});
}

// An IPv6 network of 64 bits is one customer's: its addresses count as one.
std::string NetworkOf(const std::string& peer) {
  in6_addr address{};
  if (inet_pton(AF_INET6, peer.c_str(), &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
    return peer;
  return std::string(reinterpret_cast<const char*>(address.s6_addr), 8);
}
// No subject begins with a control character.
std::string StrangerAt(const std::string& peer) { return "\n" + NetworkOf(peer); }
std::string GuesserAt(const std::string& peer) { return "\r" + NetworkOf(peer); }

}  // namespace

Scopes ScopesNeededFor(const google::protobuf::MethodDescriptor& method) {
  const std::string& name = method.options().GetExtension(v1::required_scope);
  if (name == "none") return {};
  const std::optional<Scope> scope = ScopeNamed(name);
  if (!scope) {
    LogError("a method needs a scope that does not exist", {{"method", method.full_name()}});
    std::abort();
  }
  return *scope;
}

Scopes ScopesNeededFor(const google::protobuf::Descriptor& request) {
  const google::protobuf::FileDescriptor& file = *request.file();
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const auto& method = *file.service(i)->method(j);
      if (method.input_type() == &request) return ScopesNeededFor(method);
    }
  }
  LogError("no method takes this message", {{"message", request.full_name()}});
  std::abort();
}

absl::StatusOr<Credentials> ReadCredentials(std::string_view authorization,
                                            std::string_view api_key) {
  if (authorization.empty()) return Credentials{.token = std::string(api_key)};
  constexpr std::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(Av(authorization), Av(kScheme))) {
    return InvalidCredentials("expected 'Authorization: Bearer' and an API key or a token");
  }
  const auto token = absl::StripAsciiWhitespace(Av(authorization.substr(kScheme.size())));
  if (token.empty()) return InvalidCredentials("nothing follows 'Authorization: Bearer'");
  return Credentials{.token = std::string(token)};
}

Gate::Gate(Authenticator& authenticator, RateLimiter& limiter, Metrics& metrics)
    : authenticator_(authenticator),
      limiter_(limiter),
      unauthenticated_(RefusedCounter(metrics, "unauthenticated")),
      forbidden_(RefusedCounter(metrics, "forbidden")),
      limited_(RefusedCounter(metrics, "rate")) {}

std::optional<absl::StatusOr<Admitted>> Gate::TryAdmit(const Credentials& credentials,
                                                       Scopes needed) {
  std::optional<absl::StatusOr<Principal>> who = authenticator_.TryAuthenticate(credentials);
  if (!who) {
    // Finding out costs work, so guessing has a limit; what is known to be good goes on.
    if (!limiter_.on() || !limiter_.Exhausted(GuesserAt(credentials.peer), absl::Now())) {
      return std::nullopt;
    }
    limited_.Add();
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "too many wrong keys or tokens came from this address; come back later",
                      {.reason = "RATE_LIMITED", .retry_after = absl::Seconds(10)});
  }
  return Decide(*std::move(who), credentials, needed);
}

void Gate::Admit(const CallContext& context, const Credentials& credentials, Scopes needed,
                 Done done) {
  authenticator_.Authenticate(
      context, credentials,
      [this, credentials, needed, done = std::move(done)](absl::StatusOr<Principal> who) mutable {
        done(Decide(std::move(who), credentials, needed));
      });
}

absl::StatusOr<Admitted> Gate::Decide(absl::StatusOr<Principal> who, const Credentials& credentials,
                                      Scopes needed) {
  if (!who.ok()) {
    if (absl::IsUnauthenticated(who.status())) {
      unauthenticated_.Add();
      if (limiter_.on()) limiter_.Take(GuesserAt(credentials.peer), absl::Now());
    }
    return who.status();
  }
  Admitted admission{.who = *std::move(who)};
  if (absl::Status allowed = CheckScopes(admission.who, needed); !allowed.ok()) {
    (admission.who.anonymous ? unauthenticated_ : forbidden_).Add();
    return allowed;
  }
  if (!limiter_.on()) return admission;
  const std::string caller =
      admission.who.anonymous ? StrangerAt(credentials.peer) : admission.who.subject;
  admission.rate = limiter_.Take(caller, absl::Now());
  if (admission.rate->allowed) return admission;
  limited_.Add();
  return MakeStatus(absl::StatusCode::kResourceExhausted, "too many requests; slow down",
                    {.reason = "RATE_LIMITED",
                     .metadata = {{"limit", absl::StrCat(admission.rate->limit)}},
                     .retry_after = admission.rate->retry_after});
}

}  // namespace stockroom::api
