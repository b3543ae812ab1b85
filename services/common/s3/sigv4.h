// AWS Signature Version 4 as S3 wants it: paths are encoded once, payloads may stay unsigned.
//
// Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API Reference. Pure
// functions; tests hold AWS's published examples.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace stockroom::s3 {

// Never logged, never part of a message.
struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; else empty
};

// Names and values. Header names in any case.
using Fields = std::vector<std::pair<std::string, std::string>>;

// Stands for the SHA-256 of a body that is not part of the signature.
inline constexpr char kUnsignedPayload[] = "UNSIGNED-PAYLOAD";
// Lower-case hex SHA-256 of "".
inline constexpr char kEmptyPayload[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// S3 refuses URLs that are to work for longer.
inline constexpr absl::Duration kLongestPresigned = absl::Hours(24 * 7);

// What credentials are good for, on one day.
struct Scope {
  std::string region;
  std::string service = "s3";
};

struct RequestToSign {
  std::string method;
  std::string path = "/";  // as it is meant, not encoded; begins with '/'
  Fields query;            // as it is meant, not encoded; in any order
  Fields headers;          // all are signed; must hold Host
};

// name=value&name=value, encoded and in the order of the encoded names, then values.
std::string CanonicalQuery(const Fields& query);

// `payload` is kUnsignedPayload or a lower-case hex SHA-256.
std::string CanonicalRequest(const RequestToSign& request, std::string_view payload);

// 20130524T000000Z
std::string AmzDate(absl::Time time);

// 64 lower-case hex digits.
std::string Signature(const Credentials& credentials, const Scope& scope, absl::Time time,
                      std::string_view canonical_request);

// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token (if there is one) and Authorization
// to request.headers.
void SignHeaders(RequestToSign& request, std::string_view payload, const Credentials& credentials,
                 const Scope& scope, absl::Time time);

// The whole query string of a URL that carries its signature. The server takes it from `time` on
// for `lasts` (whole seconds, at least 1, at most kLongestPresigned: others are brought there).
std::string PresignedQuery(RequestToSign request, std::string_view payload,
                           const Credentials& credentials, const Scope& scope, absl::Time time,
                           absl::Duration lasts);

}  // namespace stockroom::s3
