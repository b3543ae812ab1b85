#include "services/fileserver/http/stored_answer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/attachment.h"
#include "services/common/http/problem.h"
#include "services/fileserver/store/blob_urls.h"

namespace stockroom::fileserver {
namespace {

// What RFC 2616 called "never expires".
constexpr absl::Duration kLongestAge = absl::Hours(24 * 365);
constexpr absl::Duration kComeBack = absl::Seconds(1);

std::string_view Parameter(const UrlParameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return "";
}

// The bytes of an address never change, but the URL stops working: caches must not outlive it, and
// nobody but its reader may keep what was shown to who had the URL.
std::string CacheControl(absl::Duration left) {
  left = std::clamp(left, absl::ZeroDuration(), kLongestAge);
  return absl::StrCat("private, max-age=", absl::ToInt64Seconds(left), ", immutable");
}

// As long as somebody else's bytes are shown at all, they are in a frame of no origin that can do
// nothing. Embedding is allowed to every page, since the URL is all that one needs to read them.
void DescribeContent(const UrlParameters& parameters, http::Headers& headers) {
  const std::string_view type = Parameter(parameters, kTypeParameter);
  const std::string_view name = Parameter(parameters, kFilenameParameter);
  headers.Add("Content-Type", type.empty() ? "application/octet-stream" : type);
  headers.Add("Content-Disposition", name.empty() ? "attachment" : http::AttachmentNamed(name));
  headers.Add("Content-Security-Policy", "sandbox; default-src 'none'");
  headers.Add("Cross-Origin-Resource-Policy", "cross-origin");
}

}  // namespace

StoredAnswer MakeStoredAnswer(const http::Request& request, const UrlSigner::Signed& url,
                              const OpenFile& file, absl::Time now) {
  const http::Entity entity{.etag = file.etag, .size = file.size};
  StoredAnswer answer;
  answer.selection = http::Select(request.method, request.headers, entity);
  http::Response& response = answer.response;
  if (answer.selection.refused()) {
    response = http::RefusalOf(answer.selection, "file", request.context.request_id);
    http::Describe(answer.selection, entity, response);
    return answer;
  }
  http::Describe(answer.selection, entity, response);
  response.headers.Add("Cache-Control", CacheControl(url.expires - now));
  if (answer.selection.status == 304) return answer;
  DescribeContent(url.parameters, response.headers);
  response.stream_length = answer.selection.length;
  answer.has_bytes = request.method != "HEAD" && answer.selection.length > 0;
  return answer;
}

absl::Status PublicError(const absl::Status& error, const std::string& request_id) {
  switch (error.code()) {
    case absl::StatusCode::kPermissionDenied:
      return error;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
      return NotFound("FILE_NOT_FOUND", "what this URL stood for is not stored any more");
    case absl::StatusCode::kResourceExhausted:
      return Overloaded("the file server is busy", kComeBack);
    default:
      break;
  }
  LogError("a stored file can not be sent", {{"error", error}}, request_id);
  if (absl::IsDataLoss(error)) {
    return http::MakeError(absl::StatusCode::kDataLoss, "BLOB_DAMAGED",
                           "the stored bytes are damaged");
  }
  return Unavailable("STORE_UNAVAILABLE", "the stored bytes can not be read just now");
}

}  // namespace stockroom::fileserver
