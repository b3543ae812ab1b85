#include "services/fileserver/backends/s3_urls.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/s3_incoming.h"
#include "services/fileserver/backends/s3_layout.h"

namespace stockroom::fileserver {
namespace {

// What S3 takes in one request.
constexpr int64_t kMostInOnePut = int64_t{5} << 30;
constexpr char kAnyType[] = "application/octet-stream";

}  // namespace

absl::StatusOr<std::string> S3Urls::ToRead(const BlobUrlSpec& spec) {
  // Never shown by a browser in the origin of the bucket: whoever uploaded it may have put a script
  // inside.
  std::string disposition = "attachment";
  if (!spec.filename.empty()) {
    disposition += "; filename*=UTF-8''" + PercentEncode(spec.filename);
  }
  s3::Fields query = {
      {"response-cache-control", "private, max-age=31536000, immutable"},
      {"response-content-disposition", std::move(disposition)},
      {"response-content-type", spec.content_type.empty() ? kAnyType : spec.content_type}};
  return client_.Presign("GET", s3_layout::BlobKey(spec.digest), std::move(query), {},
                         spec.expires - client_.clock().Now(), seen_as_);
}

std::optional<DirectUrls::Put> S3Urls::ToPut(const IncomingSpec& spec) {
  if (spec.size > kMostInOnePut) return std::nullopt;
  Put put;
  put.headers = {{"Content-Type", spec.content_type.empty() ? kAnyType : spec.content_type}};
  if (!spec.md5.empty()) {
    put.headers.emplace_back(
        "Content-MD5", absl::Base64Escape(absl::string_view(spec.md5.data(), spec.md5.size())));
  }
  // Every client sends its length of its own accord, and browsers let nobody set it.
  s3::Fields headers = {{"content-length", absl::StrCat(spec.size)}};
  headers.insert(headers.end(), put.headers.begin(), put.headers.end());
  put.url = client_.Presign("PUT", S3Incoming::DirectKey(spec.id), {}, headers,
                            spec.expires - client_.clock().Now(), seen_as_);
  return put;
}

}  // namespace stockroom::fileserver
