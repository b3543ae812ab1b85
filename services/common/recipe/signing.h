// Signed picture URLs: only who holds a key can ask for arbitrary recipes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom {

// HMAC-SHA256 over "<path>?expires=<unix seconds>" ("<path>" alone if it does not expire), as
// base64url without padding. The path is what a client sends, percent-encoding included, from "/i/"
// on and without '?'; the query `sig=<signature>[&expires=<seconds>]` follows it. Thread-safe.
class PathSigner {
 public:
  // The first key signs, all of them verify: a key is changed by putting the new one first and
  // removing the old one later. INVALID_ARGUMENT: a key of less than 16 bytes, more than 8 keys.
  static absl::StatusOr<PathSigner> Create(std::vector<std::string> keys);

  // The keys that a file holds (ParseSigningKeys). INVALID_ARGUMENT as of Create.
  static absl::StatusOr<PathSigner> FromKeyFile(std::string_view content);

  // The query to append, without '?'.
  std::string Sign(std::string_view path, std::optional<absl::Time> expires) const;
  // `expires`: the parameter's text, empty if there is none. PERMISSION_DENIED (SIGNATURE_INVALID:
  // it fits no key or is not what Sign writes; SIGNATURE_EXPIRED: it was good until that second).
  // Takes the same time wherever the signature differs and whichever key fits.
  absl::Status Verify(std::string_view path, std::string_view signature, std::string_view expires,
                      absl::Time now) const;

 private:
  explicit PathSigner(std::vector<std::string> keys) : keys_(std::move(keys)) {}
  std::vector<std::string> keys_;
};

}  // namespace stockroom
