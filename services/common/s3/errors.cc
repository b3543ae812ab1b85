#include "services/common/s3/errors.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/s3/xml.h"

namespace stockroom::s3 {
namespace {

constexpr absl::Duration kComeBack = absl::Seconds(5);

template <size_t N>
bool OneOf(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<std::string_view, 9> kPassing = {
    "SlowDown",       "ServiceUnavailable",         "InternalError",
    "RequestTimeout", "ConditionalRequestConflict", "OperationAborted",
    "BadDigest",      "XAmzContentSHA256Mismatch",  "IncompleteBody"};
constexpr std::array<std::string_view, 9> kCredentials = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
    "InvalidToken",       "InvalidSecurity",       "TokenRefreshRequired",
    "NotSignedUp",        "InvalidClientTokenId",  "XMinioInvalidAccessKeyId"};
constexpr std::array<std::string_view, 5> kQuota = {
    "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull", "InsufficientStorage",
    "ServiceQuotaExceeded"};
constexpr std::array<std::string_view, 6> kRegion = {"PermanentRedirect",
                                                     "TemporaryRedirect",
                                                     "Redirect",
                                                     "MovedPermanently",
                                                     "AuthorizationHeaderMalformed",
                                                     "IllegalLocationConstraintException"};

std::string CodeOf(int status) {
  switch (status) {
    case 301:
      return "PermanentRedirect";
    case 302:
    case 307:
    case 308:
      return "TemporaryRedirect";
    case 403:
      return "AccessDenied";
    case 404:
      return "NoSuchKey";
    case 408:
      return "RequestTimeout";
    case 412:
      return "PreconditionFailed";
    case 416:
      return "InvalidRange";
    case 429:
      return "SlowDown";
    case 500:
      return "InternalError";
    case 501:
      return "NotImplemented";
    case 502:
    case 503:
    case 504:
      return "ServiceUnavailable";
    case 507:
      return "InsufficientStorage";
    default:
      return absl::StrCat("HTTP ", status);
  }
}

// Other people's text, for one line of a log.
std::string Clean(std::string_view text) {
  std::string clean(text.substr(0, 200));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return clean;
}

absl::Status Operator(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, message,
                    {.reason = std::string(reason)});
}

absl::Status ForTheOperator(const Refusal& refusal, const std::string& said,
                            const Address& address) {
  if (refusal.code == "NoSuchBucket") {
    return Operator("S3_NO_SUCH_BUCKET", said + ": there is no bucket at " + address.Describe() +
                                             "; make it, or correct s3.url");
  }
  if (refusal.code == "RequestTimeTooSkewed") {
    return Operator("S3_CLOCK", said +
                                    ": this machine's clock and the S3 server's differ by more "
                                    "than 15 minutes; set them right (NTP)");
  }
  if (OneOf(refusal.code, kCredentials)) {
    return Operator("S3_CREDENTIALS",
                    said +
                        ": the keys are wrong or have expired; see s3.credentials_file or "
                        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and "
                        "s3.region");
  }
  if (OneOf(refusal.code, kRegion)) {
    return Operator(
        "S3_WRONG_REGION",
        said + ": the bucket is somewhere else" +
            (refusal.region.empty() ? std::string() : ", in the region " + Clean(refusal.region)) +
            "; set s3.region and the endpoint of s3.url to where it is (redirects are "
            "not followed)");
  }
  if (refusal.status == 403) {
    return Operator("S3_ACCESS_DENIED", said + ": the keys may not do that in " +
                                            address.Describe() +
                                            "; docs/operations.md has the policy that is needed");
  }
  return Operator("S3_REFUSED", said);
}

}  // namespace

Refusal ReadRefusal(const HttpResponse& response) {
  Refusal refusal{.status = response.status,
                  .code = CodeOf(response.status),
                  .message = {},
                  .region = std::string(response.Header("x-amz-bucket-region"))};
  const absl::StatusOr<XmlElement> xml = ParseXml(response.body);
  if (!xml.ok() || xml->name != "Error") return refusal;
  if (const std::string_view code = xml->TextOf("Code"); !code.empty()) refusal.code = Clean(code);
  refusal.message = Clean(xml->TextOf("Message"));
  if (const std::string_view region = xml->TextOf("Region"); !region.empty()) {
    refusal.region = region;
  }
  return refusal;
}

bool IsPassing(const Refusal& refusal) {
  if (OneOf(refusal.code, kQuota)) return false;
  return OneOf(refusal.code, kPassing) || refusal.status == 429 || refusal.status == 500 ||
         refusal.status == 502 || refusal.status == 503 || refusal.status == 504;
}

absl::Status ToStatus(const Refusal& refusal, std::string_view operation, const Address& address) {
  const std::string said =
      absl::StrCat("S3 ", Av(operation), ": ", refusal.code,
                   refusal.message.empty() ? std::string() : " (" + refusal.message + ")");
  if (refusal.code == "NoSuchKey") return NotFound("S3_NO_SUCH_KEY", said);
  if (refusal.code == "NoSuchUpload") return NotFound("S3_NO_SUCH_UPLOAD", said);
  if (refusal.status == 412) {
    return MakeStatus(absl::StatusCode::kAborted, said, {.reason = "S3_PRECONDITION"});
  }
  if (refusal.status == 416) {
    return MakeStatus(absl::StatusCode::kOutOfRange, said, {.reason = "S3_RANGE"});
  }
  if (refusal.code == "EntityTooLarge") {
    return MakeStatus(absl::StatusCode::kOutOfRange, said, {.reason = "S3_TOO_LARGE"});
  }
  if (OneOf(refusal.code, kQuota)) {
    return MakeStatus(
        absl::StatusCode::kResourceExhausted,
        said + ": the bucket is as full as it may get; enlarge its quota",
        {.reason = "S3_QUOTA", .metadata = {}, .violations = {}, .retry_after = absl::Seconds(30)});
  }
  if (refusal.status == 501 || refusal.code == "NotImplemented" || refusal.status == 405) {
    return MakeStatus(absl::StatusCode::kUnimplemented, said, {.reason = "S3_NOT_IMPLEMENTED"});
  }
  if (IsPassing(refusal) || refusal.status >= 500) {
    return MakeStatus(absl::StatusCode::kUnavailable, said,
                      {.reason = IsPassing(refusal) ? "S3_BUSY" : "S3_ERROR",
                       .metadata = {},
                       .violations = {},
                       .retry_after = kComeBack});
  }
  return ForTheOperator(refusal, said, address);
}

}  // namespace stockroom::s3
