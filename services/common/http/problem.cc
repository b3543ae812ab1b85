#include "services/common/http/problem.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::http {
namespace {

struct ReasonStatus {
  std::string_view reason;
  int status;
};
// Where HTTP has a more exact word than the code's.
constexpr ReasonStatus kByReason[] = {
    {"BODY_TIMEOUT", 408},           {"BODY_TOO_LARGE", 413},
    {"FEED_POSITION_AHEAD", 410},    {"FEED_TRIMMED", 410},
    {"DIGEST_MISMATCH", 422},        {"EXPECTATION_FAILED", 417},
    {"HEADERS_TOO_LARGE", 431},      {"HTTP_VERSION_NOT_SUPPORTED", 505},
    {"IMAGE_FAILED", 409},           {"IMAGE_NOT_READY", 409},
    {"IDEMPOTENCY_KEY_REUSED", 422}, {"REVISION_MISMATCH", 412},
    {"METHOD_NOT_ALLOWED", 405},     {"PRECONDITION_FAILED", 412},
    {"QUOTA_EXCEEDED", 507},         {"RANGE_NOT_SATISFIABLE", 416},
    {"REQUEST_TIMEOUT", 408},        {"TOO_MANY_KEYS", 409},
    {"UNSUPPORTED_MEDIA_TYPE", 415}, {"CHECKSUM_MISMATCH", 460},
    {"INCOMING_COMPLETE", 409},      {"INCOMING_EXPIRED", 410},
    {"LENGTH_REQUIRED", 411},        {"NOT_AS_SIGNED", 412},
    {"OFFSET_MISMATCH", 409},        {"TUS_VERSION", 412},
};

int StatusOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

// Limits on size all end in this, whichever service found out.
bool IsSizeReason(std::string_view reason) {
  constexpr std::string_view kSuffix = "TOO_LARGE";
  return reason.size() >= kSuffix.size() &&
         reason.substr(reason.size() - kSuffix.size()) == kSuffix;
}

}  // namespace

int HttpStatusOf(const absl::Status& status) {
  const std::string reason = DetailsOf(status).reason;
  for (const auto& row : kByReason) {
    if (row.reason == reason) return row.status;
  }
  if (status.code() == absl::StatusCode::kOutOfRange && IsSizeReason(reason)) return 413;
  return StatusOfCode(status.code());
}

std::string_view ReasonPhrase(int http_status) {
  switch (http_status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 460:
      return "Checksum Mismatch";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

Response ProblemResponse(const absl::Status& error, std::string_view request_id) {
  const ErrorDetails details = DetailsOf(error);
  const int status = HttpStatusOf(error);
  nlohmann::ordered_json body;
  body["type"] = "about:blank";
  body["title"] = std::string(ReasonPhrase(status));
  body["status"] = status;
  body["detail"] = std::string(error.message());
  body["code"] = absl::StatusCodeToString(error.code());
  if (!details.reason.empty()) body["reason"] = details.reason;
  body["request_id"] = std::string(request_id);
  for (const auto& violation : details.violations) {
    body["violations"].push_back(
        {{"field", violation.field}, {"description", violation.description}});
  }
  if (!details.metadata.empty()) body["metadata"] = details.metadata;
  if (details.retry_after) {
    body["retry_after_ms"] = absl::ToInt64Milliseconds(*details.retry_after);
  }
  Response response = Response::Text(
      status, "application/problem+json",
      // Messages may quote what the client sent: bytes that are not UTF-8 are replaced.
      body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  response.headers.Set("Cache-Control", "no-store");
  if (status == 401) {
    // RFC 6750, section 3.1: no error code for those who showed nothing.
    response.headers.Set("WWW-Authenticate",
                         details.reason == "CREDENTIALS_INVALID"
                             ? "Bearer realm=\"stockroom\", error=\"invalid_token\""
                             : "Bearer realm=\"stockroom\"");
  }
  if (details.retry_after) {
    const int64_t seconds =
        absl::ToInt64Seconds(absl::Ceil(*details.retry_after, absl::Seconds(1)));
    response.headers.Set("Retry-After", absl::StrCat(std::max<int64_t>(1, seconds)));
  }
  return response;
}

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message) {
  ErrorDetails details;
  details.reason = reason;
  return MakeStatus(code, message, std::move(details));
}

absl::Status BodyTooLarge(int64_t limit) {
  ErrorDetails details;
  details.reason = "BODY_TOO_LARGE";
  details.metadata = {{"limit", absl::StrCat(limit)}};
  return MakeStatus(absl::StatusCode::kOutOfRange,
                    absl::StrCat("the body is larger than the ", limit, " bytes allowed here"),
                    std::move(details));
}

}  // namespace stockroom::http
