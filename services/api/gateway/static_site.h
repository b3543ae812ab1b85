// The browser UI: a folder of built files, held in memory and served beside the API.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/common/http/router.h"

namespace stockroom::api {

struct StaticSiteLimits {
  // Of all files, uncompressed; their gzip forms come on top. The UI and the API documentation are
  // 2 MiB; more than this is a mistaken folder, not a page.
  int64_t max_bytes = 32 << 20;
  // Each is a route of its own, and routes are looked through one by one.
  int max_files = 200;
};

// Reads every file below `folder` and adds a GET route (which answers HEAD, too) for each, under
// its path. What is not a file there has no route, so no request can reach beyond the folder.
//
// index.html is served at / and /image/{id}, apidocs/index.html at /apidocs and /apidocs/. Files in
// assets/ have a hash in their name and may be kept for ever; all others are asked for again and
// mostly answered 304. Text is compressed once, here, for those who accept gzip.
//
// Blocks: call it at start. The router keeps what was read. Errors, all naming the file:
// NOT_FOUND (WEB_ROOT_MISSING: no such folder, or no index.html in it), INVALID_ARGUMENT
// (WEB_ROOT_NAME: a name with other characters than A-Z a-z 0-9 . _ -, or neither a file nor a
// folder, symbolic links included), OUT_OF_RANGE (WEB_ROOT_TOO_LARGE), UNAVAILABLE (unreadable).
//
// `upload_origins`: where the page may send large files, besides its own origin. Its policy allows
// these and no others; /page.json tells them to the page: {"uploadOrigins":["https://…"]}. Each is
// scheme://host[:port] as browsers write it (no path, wildcard, upper case, or port that the scheme
// has anyway): INVALID_ARGUMENT (BAD_ORIGIN).
absl::Status MountStaticSite(http::Router& router, const std::string& folder,
                             const StaticSiteLimits& limits = {},
                             const std::vector<std::string>& upload_origins = {});

}  // namespace stockroom::api
