// URLs of the file server's HTTP port that work without any other credential until they expire.
//
// signature = base64url(HMAC-SHA256(key, "stockroom-url-1\n" METHOD "\n" path "\n" query)), where
// `query` is the whole query string before "&signature=", byte by byte as it is sent. So every byte
// of method, path and parameters is covered, and nothing has to be put into a canonical form. What
// a request must send besides (length, type, checksum) are parameters that the route compares.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom::fileserver {

using UrlParameters = std::vector<std::pair<std::string, std::string>>;

// Thread-safe.
class UrlSigner {
 public:
  // Raw keys of at least 16 bytes: the first signs, all verify, so that keys can be changed.
  // INVALID_ARGUMENT: no key, more than 8, one that is too short.
  static absl::StatusOr<UrlSigner> Create(std::vector<std::string> keys);

  // path + "?" + parameters in their order, percent-encoded, then expires=<unix seconds, rounded
  // up> and signature.
  std::string Sign(std::string_view method, std::string_view path, const UrlParameters& parameters,
                   absl::Time expires) const;

  struct Signed {
    UrlParameters parameters;  // decoded, without expires and signature
    absl::Time expires;
  };
  // What a URL says, if it is good. `path` and `query` as sent.
  // PERMISSION_DENIED: SIGNATURE_INVALID (also for anything that Sign would not write),
  // SIGNATURE_EXPIRED (works until the very second of `expires`, not in it). Takes the same time
  // wherever the signature differs and whichever key fits.
  absl::StatusOr<Signed> Read(std::string_view method, std::string_view path,
                              std::string_view query, absl::Time now) const;
  // Read, without `expires`.
  absl::StatusOr<UrlParameters> Verify(std::string_view method, std::string_view path,
                                       std::string_view query, absl::Time now) const;

 private:
  explicit UrlSigner(std::vector<std::string> keys) : keys_(std::move(keys)) {}
  std::vector<std::string> keys_;  // prepared, see KeyState in the .cc
};

}  // namespace stockroom::fileserver
