#include "services/common/recipe/signing.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/common/base/digest.h"
#include "services/common/base/signing_keys.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

std::string Signature(std::string_view key, std::string_view message) {
  return ToBase64Url(HmacSha256(key, message));
}

std::string Message(std::string_view path, std::string_view expires) {
  if (expires.empty()) return std::string(path);
  return absl::StrCat(Av(path), "?expires=", Av(expires));
}

absl::Status Refused(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kPermissionDenied, message, {.reason = std::string(reason)});
}

}  // namespace

absl::StatusOr<PathSigner> PathSigner::Create(std::vector<std::string> keys) {
  SR_RETURN_IF_ERROR(CheckSigningKeys(keys));
  return PathSigner(std::move(keys));
}

absl::StatusOr<PathSigner> PathSigner::FromKeyFile(std::string_view content) {
  return Create(ParseSigningKeys(content));
}

std::string PathSigner::Sign(std::string_view path, std::optional<absl::Time> expires) const {
  if (!expires) return absl::StrCat("sig=", Signature(keys_.front(), path));
  const std::string seconds = absl::StrCat(std::max<int64_t>(absl::ToUnixSeconds(*expires), 0));
  return absl::StrCat("sig=", Signature(keys_.front(), Message(path, seconds)),
                      "&expires=", seconds);
}

absl::Status PathSigner::Verify(std::string_view path, std::string_view signature,
                                std::string_view expires, absl::Time now) const {
  int64_t until = 0;
  const auto [end, error] = std::from_chars(expires.data(), expires.data() + expires.size(), until);
  const bool number = error == std::errc() && end == expires.data() + expires.size() && until >= 0;
  // A '?' in the path could stand for the one before "expires".
  bool good = (expires.empty() || number) && path.find('?') == std::string_view::npos;
  const std::string message = Message(path, expires);
  int fits = 0;
  for (const std::string& key : keys_) {
    fits |= SameSecret(Signature(key, message), signature);
  }
  good &= fits != 0;
  if (!good) return Refused("SIGNATURE_INVALID", "the URL's signature does not fit it");
  if (!expires.empty() && now >= absl::FromUnixSeconds(until)) {
    return Refused("SIGNATURE_EXPIRED", "the signed URL has expired");
  }
  return absl::OkStatus();
}

}  // namespace stockroom
