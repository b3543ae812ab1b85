// Pages of other origins (WHATWG Fetch, CORS protocol). Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/common/http/message.h"

namespace stockroom::http {

struct CorsOptions {
  // scheme://host[:port] each, compared as they are; "*" for every one. None: pages of other
  // origins can not read answers. Credentials (cookies) are never allowed.
  std::vector<std::string> origins;
  // How long a browser need not ask again before a request.
  absl::Duration max_age = absl::Minutes(10);
};

// Lets the page that asks see the answer, if its origin is allowed.
void AllowOrigin(const CorsOptions& options, const Headers& request, Response& response);

// The answer to OPTIONS where `allow` are the methods: 204 with Allow, and for a preflight request
// of an allowed origin what it may send.
Response AnswerOptions(const CorsOptions& options, const Headers& request,
                       const std::string& allow);

}  // namespace stockroom::http
