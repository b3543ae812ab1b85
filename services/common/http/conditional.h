// Conditional requests and byte ranges (RFC 9110 sections 13 and 14). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/common/http/message.h"

namespace stockroom::http {

// What a GET would send whole.
struct Entity {
  std::string etag;  // strong, with its quotes
  // Without one there is no Last-Modified, and If-Modified-Since is not looked at.
  absl::Time modified = absl::InfinitePast();
  int64_t size = 0;
};

struct Selection {
  // 200 (all of it), 206, 304, 412 (If-Match failed) or 416.
  int status = 200;
  // Of 200 and 206.
  int64_t offset = 0;
  int64_t length = 0;

  bool refused() const { return status == 412 || status == 416; }
};

// `method` is GET or HEAD. Several ranges, or one that can not be read, are answered with the
// whole: a server may always do that, and multipart/byteranges is an amplifier. Ranges of a HEAD
// are ignored.
Selection Select(std::string_view method, const Headers& request, const Entity& entity);

// The answer to what is refused; `what` ("file") is how its message names the entity.
Response RefusalOf(const Selection& selection, std::string_view what, std::string_view request_id);

// Sets status, ETag, Last-Modified, Accept-Ranges and Content-Range, those that there are.
void Describe(const Selection& selection, const Entity& entity, Response& response);

}  // namespace stockroom::http
