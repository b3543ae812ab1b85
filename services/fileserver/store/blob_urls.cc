#include "services/fileserver/store/blob_urls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr size_t kMostTypeBytes = 255;
constexpr size_t kMostNameBytes = 255;  // what file systems take

absl::Status Check(const BlobUrlSpec& spec) {
  if (spec.expires <= absl::Now() || spec.expires == absl::InfiniteFuture()) {
    return InvalidField("expires", "must be in the future, and not for ever");
  }
  const bool printable = std::all_of(spec.content_type.begin(), spec.content_type.end(),
                                     [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!printable || spec.content_type.size() > kMostTypeBytes) {
    return InvalidField("content_type", "must be printable ASCII, at most 255 characters");
  }
  if (spec.filename.size() > kMostNameBytes || !IsCleanUtf8(spec.filename)) {
    return InvalidField("filename", "must be UTF-8, at most 255 bytes");
  }
  return absl::OkStatus();
}

}  // namespace

BlobUrls::BlobUrls(const UrlSigner& signer, std::string public_url, DirectUrls* direct)
    : signer_(signer), public_url_(std::move(public_url)), direct_(direct) {}

absl::StatusOr<std::string> BlobUrls::OfBlob(const BlobUrlSpec& spec) const {
  if (direct_ == nullptr) return ToRead("/blobs/" + spec.digest.hex(), spec);
  SR_RETURN_IF_ERROR(Check(spec));
  return direct_->ToRead(spec);
}

absl::StatusOr<std::string> BlobUrls::OfRendition(const RenditionAddress& address,
                                                  const BlobUrlSpec& spec) const {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  return ToRead("/renditions/" + address.original.hex() + "/" + address.key, spec);
}

absl::StatusOr<std::string> BlobUrls::ToRead(std::string_view path, const BlobUrlSpec& spec) const {
  SR_RETURN_IF_ERROR(Check(spec));
  UrlParameters parameters;
  if (!spec.content_type.empty()) parameters.emplace_back(kTypeParameter, spec.content_type);
  if (!spec.filename.empty()) parameters.emplace_back(kFilenameParameter, spec.filename);
  return Sign("GET", path, parameters, spec.expires);
}

absl::StatusOr<std::string> BlobUrls::Sign(std::string_view method, std::string_view path,
                                           const UrlParameters& parameters,
                                           absl::Time expires) const {
  if (public_url_.empty()) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the file server hands out no URLs: it does not know by which address "
                      "clients reach it (http.public_url)",
                      {.reason = "SIGNED_URLS_OFF"});
  }
  return absl::StrCat(public_url_, signer_.Sign(method, path, parameters, expires));
}

}  // namespace stockroom::fileserver
