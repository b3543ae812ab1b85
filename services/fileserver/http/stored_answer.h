// What is said about a stored thing in front of its bytes. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/http/conditional.h"
#include "services/common/http/message.h"
#include "services/fileserver/http/open_files.h"
#include "services/fileserver/store/url_signer.h"

namespace stockroom::fileserver {

struct StoredAnswer {
  http::Selection selection;
  http::Response response;  // without the bytes
  // selection says which bytes are to follow.
  bool has_bytes = false;
};

StoredAnswer MakeStoredAnswer(const http::Request& request, const UrlSigner::Signed& url,
                              const OpenFile& file, absl::Time now);

// What strangers may know of an error: the store's own words name folders and files. The log has
// those.
absl::Status PublicError(const absl::Status& error, const std::string& request_id);

}  // namespace stockroom::fileserver
