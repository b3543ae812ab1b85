// URLs by which anybody may read one blob or rendition from the file server's HTTP port until they
// expire (served by services/fileserver/http/stored_routes.h).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/blobs/blob_types.h"
#include "services/common/blobs/incoming_client.h"
#include "services/fileserver/store/direct_urls.h"
#include "services/fileserver/store/url_signer.h"

namespace stockroom::fileserver {

// Signed parameters of such a URL, both optional: Content-Type of the answer, and the name to save
// it by.
inline constexpr std::string_view kTypeParameter = "type";
inline constexpr std::string_view kFilenameParameter = "filename";

// Thread-safe. The signer outlives it.
class BlobUrls {
 public:
  // `public_url`: what clients reach the HTTP port by, scheme://host[:port][/prefix] without '/' at
  // its end; a proxy takes the prefix off. Empty: nobody knows, so no URL is handed out.
  // `direct`, which may be null and outlives it: blobs are read by its URLs instead.
  BlobUrls(const UrlSigner& signer, std::string public_url, DirectUrls* direct = nullptr);

  // Of GET and HEAD. INVALID_ARGUMENT: expires in the past or never, a content type that is no
  // header value, a filename that is not UTF-8 or has more than 255 bytes. FAILED_PRECONDITION
  // (SIGNED_URLS_OFF): there is no public URL. Does not look whether the blob is there.
  absl::StatusOr<std::string> OfBlob(const BlobUrlSpec& spec) const;
  // The same of a rendition; spec.digest is not looked at. INVALID_ARGUMENT also for its key.
  absl::StatusOr<std::string> OfRendition(const RenditionAddress& address,
                                          const BlobUrlSpec& spec) const;

  // Any other URL of the HTTP port, signed: public URL + path + query. FAILED_PRECONDITION as
  // above.
  absl::StatusOr<std::string> Sign(std::string_view method, std::string_view path,
                                   const UrlParameters& parameters, absl::Time expires) const;

 private:
  absl::StatusOr<std::string> ToRead(std::string_view path, const BlobUrlSpec& spec) const;

  const UrlSigner& signer_;
  const std::string public_url_;
  DirectUrls* const direct_;
};

}  // namespace stockroom::fileserver
