// The two encodings that tokens and keys are made of, each read in exactly one way. Internal to
// services/api/auth.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::api {

// base64url without padding (RFC 7515, section 2). nullopt for any other alphabet, white space,
// padding, a length that nothing encodes to, and set bits after the last byte: two texts never mean
// the same bytes, so nobody can change a token without changing what is signed.
std::optional<std::string> DecodeBase64Url(std::string_view text);

// JSON without the freedoms that parsers use differently: a member named twice in one object, a
// byte order mark, NUL bytes, text after the end, UTF-8 that is none, numbers that no double holds
// and nesting deeper than `max_depth` are errors. INVALID_ARGUMENT BAD_JSON; the message repeats
// nothing of the text.
absl::StatusOr<nlohmann::json> ParseStrictJson(std::string_view text, int max_depth);

}  // namespace stockroom::api
