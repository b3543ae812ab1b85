#include "services/api/auth/jwt.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "services/api/auth/jw_refusal.h"
#include "services/api/auth/jw_text.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

constexpr int kMaxClaimDepth = 16;
constexpr size_t kMaxSubjectBytes = 255;
constexpr double kLastSecondOf9999 = 253402300799;
constexpr absl::Duration kMaxClockSkew = absl::Minutes(5);

absl::Status Malformed(const std::string& what) { return RefuseToken(refusal::kMalformed, what); }
absl::Status Missing(const std::string& name) {
  return RefuseToken(refusal::kMissingClaim, "the token has no \"" + name + "\"");
}

absl::StatusOr<std::optional<std::string>> ReadText(const json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return std::nullopt;
  if (!claim->is_string()) {
    return Malformed(std::string("the token's \"") + name + "\" is not a text");
  }
  return claim->get<std::string>();
}

// NumericDate of RFC 7519, section 2: seconds since 1970, fractions allowed.
absl::StatusOr<std::optional<absl::Time>> ReadTime(const json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return std::nullopt;
  const double seconds = claim->is_number() ? claim->get<double>() : -1;
  if (!(seconds >= 0 && seconds <= kLastSecondOf9999)) {
    return Malformed(std::string("the token's \"") + name + "\" is not a time");
  }
  double whole = 0;
  const double fraction = std::modf(seconds, &whole);
  return absl::FromUnixSeconds(static_cast<int64_t>(whole)) + absl::Seconds(fraction);
}

absl::StatusOr<std::vector<std::string>> ReadAudiences(const json& claims) {
  const auto claim = claims.find("aud");
  if (claim == claims.end()) return Missing("aud");
  if (claim->is_string()) return std::vector{claim->get<std::string>()};
  std::vector<std::string> audiences;
  const bool list = claim->is_array();
  for (const json& audience : list ? *claim : json::array()) {
    if (!audience.is_string()) return Malformed("the token's \"aud\" is not a list of texts");
    audiences.push_back(audience.get<std::string>());
  }
  if (!list) return Malformed("the token's \"aud\" is neither a text nor a list");
  return audiences;
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

absl::Status CheckType(const std::optional<std::string>& typ, const JwtPolicy& policy) {
  std::string_view shown = typ ? *typ : std::string_view();
  constexpr std::string_view kPrefix = "application/";
  if (absl::StartsWithIgnoreCase(Av(shown), Av(kPrefix))) shown.remove_prefix(kPrefix.size());
  for (const std::string& type : policy.types) {
    if (absl::EqualsIgnoreCase(Av(type), Av(shown)) && type.empty() == !typ.has_value()) {
      return absl::OkStatus();
    }
  }
  return RefuseToken(refusal::kWrongType, "this kind of token is not a credential here");
}

bool AllNamed(const std::vector<std::string>& list) { return !list.empty() && !Contains(list, ""); }

}  // namespace

absl::Status CheckJwtPolicy(const JwtPolicy& policy) {
  const auto bad = [](std::string_view what) { return InvalidArgument("BAD_JWT_POLICY", what); };
  if (!AllNamed(policy.issuers)) return bad("name at least one issuer whose tokens are accepted");
  if (!AllNamed(policy.audiences)) {
    return bad(
        "name at least one audience; tokens that were made for other services are not "
        "accepted");
  }
  if (policy.clock_skew < absl::ZeroDuration() || policy.clock_skew > kMaxClockSkew) {
    return bad("the clock skew must be 0 to 5 minutes");
  }
  if (policy.max_lifetime < absl::ZeroDuration()) return bad("the longest lifetime is negative");
  return absl::OkStatus();
}

// Fills in claims; a friend of them.
class JwtReader {
 public:
  static absl::StatusOr<JwtClaims> Read(const std::string& payload) {
    absl::StatusOr<json> parsed = ParseStrictJson(payload, kMaxClaimDepth);
    if (!parsed.ok() || !parsed->is_object()) {
      return Malformed(
          "the token's claims are not a JSON object in which every name is there once");
    }
    const auto all = std::make_shared<const json>(*std::move(parsed));
    auto body = std::make_shared<JwtClaims::Body>();
    body->all = all;
    SR_RETURN_IF_ERROR(ReadSubject(*all, *body));
    SR_ASSIGN_OR_RETURN(std::optional<std::string> issuer, ReadText(*all, "iss"));
    if (!issuer) return Missing("iss");
    body->issuer = *std::move(issuer);
    SR_ASSIGN_OR_RETURN(body->audiences, ReadAudiences(*all));
    SR_ASSIGN_OR_RETURN(body->expires, ReadTime(*all, "exp"));
    SR_ASSIGN_OR_RETURN(body->not_before, ReadTime(*all, "nbf"));
    SR_ASSIGN_OR_RETURN(body->issued_at, ReadTime(*all, "iat"));
    SR_ASSIGN_OR_RETURN(std::optional<std::string> id, ReadText(*all, "jti"));
    body->jwt_id = id.value_or("");
    JwtClaims claims;
    claims.body_ = std::move(body);
    return claims;
  }

 private:
  static absl::Status ReadSubject(const json& all, JwtClaims::Body& body) {
    SR_ASSIGN_OR_RETURN(const std::optional<std::string> subject, ReadText(all, "sub"));
    if (!subject) return Missing("sub");
    if (subject->empty() || subject->size() > kMaxSubjectBytes || !IsCleanUtf8(*subject)) {
      return Malformed("the token's \"sub\" must be 1 to 255 bytes of text");
    }
    body.subject = *subject;
    return absl::OkStatus();
  }
};

absl::Status CheckJwtTimes(const JwtClaims& claims, const JwtPolicy& policy, absl::Time now) {
  const absl::Duration skew = policy.clock_skew;
  if (claims.expires() && now >= *claims.expires() + skew) {
    return RefuseToken(refusal::kExpired, "the token has expired");
  }
  if (claims.not_before() && now + skew < *claims.not_before()) {
    return RefuseToken(refusal::kNotYetValid, "the token is not valid yet");
  }
  if (claims.issued_at() && now + skew < *claims.issued_at()) {
    return RefuseToken(refusal::kIssuedInFuture, "the token says that it is from the future");
  }
  return absl::OkStatus();
}

absl::StatusOr<JwtClaims> VerifyJwt(std::string_view token, const JwkSet& keys,
                                    const JwtPolicy& policy, absl::Time now) {
  if (const absl::Status sound = CheckJwtPolicy(policy); !sound.ok()) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition, Sv(sound.message()),
                      {.reason = "BAD_JWT_POLICY"});
  }
  // Nothing inside is looked at before the signature was found good.
  SR_ASSIGN_OR_RETURN(const Jws jws, VerifyJws(token, keys, policy.limits));
  SR_RETURN_IF_ERROR(CheckType(jws.typ, policy));
  SR_ASSIGN_OR_RETURN(JwtClaims claims, JwtReader::Read(jws.payload));
  if (!Contains(policy.issuers, claims.issuer())) {
    return RefuseToken(refusal::kWrongIssuer, "the token is from an issuer that is not trusted");
  }
  const auto is_ours = [&](const std::string& name) { return Contains(policy.audiences, name); };
  if (std::none_of(claims.audiences().begin(), claims.audiences().end(), is_ours)) {
    return RefuseToken(refusal::kWrongAudience, "the token was made for another service");
  }
  const bool limited = policy.max_lifetime > absl::ZeroDuration();
  if (!claims.expires() && (policy.require_exp || limited)) return Missing("exp");
  if (!claims.issued_at() && limited) return Missing("iat");
  if (limited && *claims.expires() - *claims.issued_at() > policy.max_lifetime) {
    return RefuseToken(refusal::kLifetimeTooLong, "the token is valid for longer than is accepted");
  }
  SR_RETURN_IF_ERROR(CheckJwtTimes(claims, policy, now));
  return claims;
}

const json* JwtClaims::Find(std::string_view name) const {
  if (body_->all == nullptr) return nullptr;
  const auto claim = body_->all->find(std::string(name));
  if (claim != body_->all->end()) return &*claim;
  if (!name.starts_with('/')) return nullptr;
  try {
    const json::json_pointer pointer{std::string(name)};
    return body_->all->contains(pointer) ? &body_->all->at(pointer) : nullptr;
  } catch (const json::exception&) {
    return nullptr;  // no pointer: "~" must be followed by 0 or 1
  }
}

std::optional<std::string> JwtClaims::Text(std::string_view name) const {
  const json* claim = Find(name);
  if (claim == nullptr || !claim->is_string()) return std::nullopt;
  return claim->get<std::string>();
}

std::optional<double> JwtClaims::Number(std::string_view name) const {
  const json* claim = Find(name);
  if (claim == nullptr || !claim->is_number()) return std::nullopt;
  return claim->get<double>();
}

std::optional<bool> JwtClaims::Flag(std::string_view name) const {
  const json* claim = Find(name);
  if (claim == nullptr || !claim->is_boolean()) return std::nullopt;
  return claim->get<bool>();
}

std::vector<std::string> JwtClaims::Words(std::string_view name) const {
  const json* claim = Find(name);
  std::vector<std::string> words;
  if (claim == nullptr) return words;
  if (claim->is_string()) {
    words = absl::StrSplit(claim->get_ref<const std::string&>(), ' ', absl::SkipEmpty());
  } else if (claim->is_array()) {
    for (const json& entry : *claim) {
      if (entry.is_string()) words.push_back(entry.get<std::string>());
    }
  }
  return words;
}

std::optional<std::string> JwtClaims::Scalar(std::string_view name) const {
  const json* claim = Find(name);
  if (claim == nullptr) return std::nullopt;
  if (claim->is_string()) return claim->get<std::string>();
  if (claim->is_number() || claim->is_boolean()) return claim->dump();
  return std::nullopt;
}

}  // namespace stockroom::api
