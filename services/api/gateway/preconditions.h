// Headers that make a write conditional or repeatable (RFC 9110 section 13.1.1;
// draft-ietf-httpapi-idempotency-key-header). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/http/message.h"

namespace stockroom::api {

// The ETag of an image over REST: its revision, in quotes.
std::string RevisionTag(int64_t revision);

struct IfMatch {
  // False: no header, or "*".
  bool conditional = false;
  // The revisions that strong tags name, at most kMaxTags; weak and foreign tags match nothing.
  std::vector<int64_t> revisions;
};
inline constexpr size_t kMaxTags = 16;
// INVALID_ARGUMENT (BAD_IF_MATCH) for what is no list of entity tags, or has too many.
absl::StatusOr<IfMatch> ParseIfMatch(const http::Headers& headers);

// The key, "" without the header. Both Idempotency-Key: "k" and the bare form k are taken.
// INVALID_ARGUMENT (BAD_IDEMPOTENCY_KEY) for several headers and for anything but 1 to 255 visible
// ASCII characters.
absl::StatusOr<std::string> ParseIdempotencyKey(const http::Headers& headers);

// Puts the key into the request's context. Errors of ParseIdempotencyKey.
absl::Status TakeIdempotencyKey(http::Request& request);
// Idempotency-Replayed, if the answer is that of an earlier request with this key.
void MarkReplayed(const http::Request& request, http::Response& response);

}  // namespace stockroom::api
