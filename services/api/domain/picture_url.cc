#include "services/api/domain/picture_url.h"

#include "absl/strings/numbers.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// Fits an int64 with room.
constexpr size_t kLongestRevision = 18;

absl::Status NoSuchFile() {
  return NotFound("NO_SUCH_FILE",
                  "pictures are at /i/{id}/{preset}.{ext} and /i/{id}/{recipe}.{ext} with the "
                  "extension jpg, png, webp, avif, gif or auto, and /i/{id}/original and "
                  "/i/{id}/info are about the image itself");
}

bool IsRevision(std::string_view segment) {
  return !segment.empty() && segment.size() <= kLongestRevision && segment.front() != '0' &&
         segment.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<PictureUrl> ParsePictureUrl(std::string_view path) {
  PictureUrl url;
  if (path == "info") {
    url.kind = PictureUrl::Kind::kInfo;
    return url;
  }
  if (path == "original" || (path.starts_with("original.") && path.size() > 9 &&
                             path.find('/') == std::string_view::npos)) {
    url.kind = PictureUrl::Kind::kOriginal;
    return url;
  }
  const size_t slash = path.find('/');
  if (slash != std::string_view::npos && IsRevision(path.substr(0, slash))) {
    if (!absl::SimpleAtoi(Av(path.substr(0, slash)), &url.revision)) return NoSuchFile();
    path.remove_prefix(slash + 1);
  }
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return NoSuchFile();
  const std::optional<ImageFormat> format = FormatFromName(path.substr(dot + 1));
  if (!format) return NoSuchFile();
  url.format = *format;
  const std::string_view name = path.substr(0, dot);
  if (name.find('=') != std::string_view::npos) {
    url.kind = PictureUrl::Kind::kRecipe;
    url.steps = name;
  } else if (IsPresetName(name)) {
    url.preset = name;
  } else {
    return NoSuchFile();
  }
  return url;
}

}  // namespace stockroom::api
