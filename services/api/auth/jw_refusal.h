// How tokens are refused.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace stockroom::api {

// Why a token is refused: metadata "detail" of the error, stable, for programs and tests.
namespace refusal {
inline constexpr char kMalformed[] = "MALFORMED";
inline constexpr char kTooLarge[] = "TOO_LARGE";
inline constexpr char kAlgorithmNotAllowed[] = "ALGORITHM_NOT_ALLOWED";
inline constexpr char kUnsupportedHeader[] = "UNSUPPORTED_HEADER";  // crit, b64, zip, enc
inline constexpr char kUnknownKey[] = "UNKNOWN_KEY";
inline constexpr char kBadSignature[] = "BAD_SIGNATURE";
inline constexpr char kWrongType[] = "WRONG_TYPE";  // the header's typ
inline constexpr char kMissingClaim[] = "MISSING_CLAIM";
inline constexpr char kWrongIssuer[] = "WRONG_ISSUER";
inline constexpr char kWrongAudience[] = "WRONG_AUDIENCE";
inline constexpr char kExpired[] = "EXPIRED";
inline constexpr char kNotYetValid[] = "NOT_YET_VALID";
inline constexpr char kIssuedInFuture[] = "ISSUED_IN_FUTURE";
inline constexpr char kLifetimeTooLong[] = "LIFETIME_TOO_LONG";
}  // namespace refusal

// UNAUTHENTICATED CREDENTIALS_INVALID. `message` is for the bearer: it never repeats any part of
// the token, which may be somebody else's.
absl::Status RefuseToken(std::string_view detail, std::string_view message);

// The detail of an error made by RefuseToken, "" of any other.
std::string RefusalDetail(const absl::Status& status);

}  // namespace stockroom::api
