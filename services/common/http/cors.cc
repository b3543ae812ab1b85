#include "services/common/http/cors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::http {
namespace {

constexpr char kAnyOrigin[] = "*";
// What scripts may read besides the few headers that they always may.
constexpr char kExposed[] =
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Tus-Checksum-Algorithm, "
    "Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, Upload-Length, "
    "Upload-Metadata, Upload-Offset, X-Request-Id";
constexpr size_t kMaxRequestHeaders = 1024;

bool Has(const std::vector<std::string>& origins, std::string_view origin) {
  return std::find(origins.begin(), origins.end(), origin) != origins.end();
}

// A list of header names, which is sent back.
bool IsNameList(std::string_view text) {
  return text.size() <= kMaxRequestHeaders && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == ',' || c == ' ';
         });
}

}  // namespace

void AllowOrigin(const CorsOptions& options, const Headers& request, Response& response) {
  if (options.origins.empty()) return;
  const bool any = Has(options.origins, kAnyOrigin);
  // Caches must keep answers to different origins apart, also those to none.
  if (!any) response.headers.Add("Vary", "Origin");
  const std::string_view origin = request.Get("Origin");
  if (origin.empty() || (!any && !Has(options.origins, origin))) return;
  response.headers.Set("Access-Control-Allow-Origin", any ? kAnyOrigin : origin);
  response.headers.Set("Access-Control-Expose-Headers", kExposed);
}

Response AnswerOptions(const CorsOptions& options, const Headers& request,
                       const std::string& allow) {
  Response response;
  response.status = 204;
  response.headers.Set("Allow", absl::StrCat(allow, ", OPTIONS"));
  const bool any = Has(options.origins, kAnyOrigin);
  const bool allowed = any || Has(options.origins, request.Get("Origin"));
  if (!allowed || !request.Find("Access-Control-Request-Method")) return response;
  response.headers.Set("Access-Control-Allow-Methods", allow);
  response.headers.Set("Access-Control-Max-Age",
                       absl::StrCat(absl::ToInt64Seconds(options.max_age)));
  const std::string_view wanted = request.Get("Access-Control-Request-Headers");
  if (!wanted.empty() && IsNameList(wanted)) {
    response.headers.Set("Access-Control-Allow-Headers", wanted);
  }
  return response;
}

}  // namespace stockroom::http
