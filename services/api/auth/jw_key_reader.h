// What reading keys from JSON and from PEM have in common. Internal to services/api/auth.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/auth/jwk.h"

namespace stockroom::api {

// BAD_JWKS if the options want keys used for what they are not for, or the text is too large.
absl::Status CheckText(std::string_view text, const JwkOptions& options);

// Collects keys under the rules of JwkSet::Parse.
class JwkSetReader {
 public:
  // FAILED_PRECONDITION leaves the key out, any other error ends the reading.
  absl::Status Add(absl::StatusOr<Jwk> key, size_t index);
  // NO_USABLE_KEYS if nothing was kept. Call once, last.
  absl::StatusOr<JwkSet> Finish();

 private:
  JwkSet set_;
};

}  // namespace stockroom::api
