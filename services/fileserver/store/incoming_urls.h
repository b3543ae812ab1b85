// The URLs of direct uploads on the HTTP port (served by
// services/fileserver/http/incoming_routes.h).
//
// Both are /incoming/{id} with what was announced as signed parameters: size, type, sha256, md5 and
// crc32c (hex), the last four if they were given. One is signed for PUT. The other is signed for
// "TUS", no method of HTTP, and stands for all of tus: HEAD, PATCH, DELETE and POST.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/blobs/incoming_client.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/direct_urls.h"
#include "services/fileserver/store/url_signer.h"

namespace stockroom::fileserver {

inline constexpr std::string_view kPutMethod = "PUT";
inline constexpr std::string_view kTusMethod = "TUS";

// Thread-safe. What is passed in outlives it.
class IncomingUrls {
 public:
  // `direct` may be null: one PUT with all bytes then goes to the HTTP port like everything else.
  IncomingUrls(const UrlSigner& signer, const BlobUrls& urls, DirectUrls* direct = nullptr)
      : signer_(signer), urls_(urls), direct_(direct) {}

  // FAILED_PRECONDITION (SIGNED_URLS_OFF).
  absl::StatusOr<IncomingTicket> TicketOf(const IncomingSpec& spec) const;
  absl::StatusOr<std::string> TusUrl(const IncomingSpec& spec) const;

  // Whether a request's URL was signed for `method`, and what with. PERMISSION_DENIED
  // (SIGNATURE_INVALID); NOT_FOUND (INCOMING_EXPIRED).
  absl::StatusOr<UrlParameters> Verify(std::string_view method, std::string_view path,
                                       std::string_view query, absl::Time now) const;
  // Whether they were signed for this upload: another one may have had its id before. NOT_FOUND
  // (INCOMING_NOT_FOUND).
  static absl::Status CheckIsOf(const UrlParameters& parameters, const IncomingSpec& spec);

 private:
  const UrlSigner& signer_;
  const BlobUrls& urls_;
  DirectUrls* const direct_;
};

}  // namespace stockroom::fileserver
