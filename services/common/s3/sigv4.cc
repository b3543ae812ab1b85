#include "services/common/s3/sigv4.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/digest.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";

// Without white space at the ends, and with one space for each run of it.
std::string Trimmed(std::string_view value) {
  std::string text(value);
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

// Lower-case names to values, in order. Fields of one name are one, as in HTTP.
std::map<std::string, std::string> CanonicalHeaders(const Fields& headers) {
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers) {
    const auto [it, fresh] = canonical.emplace(absl::AsciiStrToLower(name), Trimmed(value));
    if (!fresh) it->second += "," + Trimmed(value);
  }
  return canonical;
}

std::string SignedNames(const Fields& headers) {
  std::string names;
  for (const auto& [name, value] : CanonicalHeaders(headers)) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string Day(absl::Time time) { return absl::FormatTime("%Y%m%d", time, absl::UTCTimeZone()); }

std::string ScopeText(const Scope& scope, absl::Time time) {
  return absl::StrCat(Day(time), "/", scope.region, "/", scope.service, "/aws4_request");
}

}  // namespace

std::string CanonicalQuery(const Fields& query) {
  Fields encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    absl::StrAppend(&text, text.empty() ? "" : "&", name, "=", value);
  }
  return text;
}

std::string CanonicalRequest(const RequestToSign& request, std::string_view payload) {
  std::string text = absl::StrCat(request.method, "\n", PercentEncode(request.path, "/"), "\n",
                                  CanonicalQuery(request.query), "\n");
  for (const auto& [name, value] : CanonicalHeaders(request.headers)) {
    absl::StrAppend(&text, name, ":", value, "\n");
  }
  absl::StrAppend(&text, "\n", SignedNames(request.headers), "\n", Av(payload));
  return text;
}

std::string AmzDate(absl::Time time) {
  return absl::FormatTime("%Y%m%dT%H%M%SZ", time, absl::UTCTimeZone());
}

std::string Signature(const Credentials& credentials, const Scope& scope, absl::Time time,
                      std::string_view canonical_request) {
  std::string key = HmacSha256("AWS4" + credentials.secret_key, Day(time));
  key = HmacSha256(key, scope.region);
  key = HmacSha256(key, scope.service);
  key = HmacSha256(key, "aws4_request");
  return ToHex(
      HmacSha256(key, absl::StrCat(kAlgorithm, "\n", AmzDate(time), "\n", ScopeText(scope, time),
                                   "\n", Digest::Of(canonical_request).hex())));
}

void SignHeaders(RequestToSign& request, std::string_view payload, const Credentials& credentials,
                 const Scope& scope, absl::Time time) {
  request.headers.emplace_back("x-amz-date", AmzDate(time));
  request.headers.emplace_back("x-amz-content-sha256", payload);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  const std::string signature =
      Signature(credentials, scope, time, CanonicalRequest(request, payload));
  request.headers.emplace_back(
      "Authorization",
      absl::StrCat(kAlgorithm, " Credential=", credentials.access_key, "/", ScopeText(scope, time),
                   ",SignedHeaders=", SignedNames(request.headers), ",Signature=", signature));
}

std::string PresignedQuery(RequestToSign request, std::string_view payload,
                           const Credentials& credentials, const Scope& scope, absl::Time time,
                           absl::Duration lasts) {
  const int64_t seconds =
      absl::ToInt64Seconds(std::clamp(lasts, absl::Duration(absl::Seconds(1)), kLongestPresigned));
  request.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  request.query.emplace_back("X-Amz-Credential",
                             absl::StrCat(credentials.access_key, "/", ScopeText(scope, time)));
  request.query.emplace_back("X-Amz-Date", AmzDate(time));
  request.query.emplace_back("X-Amz-Expires", absl::StrCat(seconds));
  request.query.emplace_back("X-Amz-SignedHeaders", SignedNames(request.headers));
  if (!credentials.session_token.empty()) {
    request.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  const std::string signature =
      Signature(credentials, scope, time, CanonicalRequest(request, payload));
  return absl::StrCat(CanonicalQuery(request.query), "&X-Amz-Signature=", signature);
}

}  // namespace stockroom::s3
