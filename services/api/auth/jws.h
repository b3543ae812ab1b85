// The signature layer: JSON Web Signature (RFC 7515), compact serialisation.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/auth/jwk.h"

namespace stockroom::api {

struct JwsLimits {
  // The gateway takes 16 KiB of header fields in all; tokens of real providers have 1 to 3 KiB.
  size_t max_token_bytes = 8 << 10;
  // Of the header, decoded. Certificate chains, which nobody here looks at, would be the largest
  // part.
  size_t max_header_bytes = 4 << 10;
  // Keys that a token without "kid" is tried with. More cost an attacker's guess more CPU time.
  int max_keys_tried = 8;
};

// What was signed.
struct Jws {
  std::string payload;  // any bytes
  JwsAlgorithm algorithm;
  std::optional<std::string> kid;
  std::optional<std::string> typ;
};

// Verifies exactly one signature with a key of `keys`; the header only says which. Keys that the
// token brings along or points to ("jwk", "jku", "x5c", "x5u") are ignored. RefuseToken with
// MALFORMED, TOO_LARGE, UNSUPPORTED_HEADER (a "crit" at all, "b64" that is false, "zip", "enc"),
// ALGORITHM_NOT_ALLOWED (unknown, "none", or not the key's), UNKNOWN_KEY (no key of that "kid", and
// none without a name), BAD_SIGNATURE. Pure; Jwk::Verify says how long a key
// takes.
absl::StatusOr<Jws> VerifyJws(std::string_view token, const JwkSet& keys,
                              const JwsLimits& limits = {});

}  // namespace stockroom::api
