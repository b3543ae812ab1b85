#include "services/api/search/page_cursor.h"

#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr char kVersion = 1;
constexpr size_t kHeader = 1 + 8 + 8;

// FNV-1a: equal on every api replica, unlike std::hash.
uint64_t QueryHash(std::string_view query) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : query) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

void Append64(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

uint64_t Read64(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

std::string EncodePageToken(const PageCursor& cursor, std::string_view query) {
  std::string bytes(1, kVersion);
  Append64(bytes, QueryHash(query));
  Append64(bytes, static_cast<uint64_t>(cursor.nanos));
  return ToBase64Url(bytes + cursor.id);
}

absl::StatusOr<PageCursor> DecodePageToken(std::string_view token, std::string_view query) {
  const absl::StatusOr<std::string> bytes = FromBase64Url(token);
  if (!bytes.ok() || bytes->size() < kHeader || bytes->front() != kVersion) {
    return InvalidArgument("BAD_PAGE_TOKEN",
                           "page_token is not one that a search gave; start without one");
  }
  if (Read64(std::string_view(*bytes).substr(1)) != QueryHash(query)) {
    return InvalidArgument("BAD_PAGE_TOKEN",
                           "page_token belongs to another query; keep q unchanged between pages");
  }
  return PageCursor{static_cast<int64_t>(Read64(std::string_view(*bytes).substr(9))),
                    bytes->substr(kHeader)};
}

}  // namespace stockroom::api
