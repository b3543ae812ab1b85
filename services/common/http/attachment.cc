#include "services/common/http/attachment.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::http {

std::string AttachmentNamed(std::string_view filename) {
  const size_t slash = filename.find_last_of("/\\");
  if (slash != std::string_view::npos) filename.remove_prefix(slash + 1);
  std::string ascii;
  for (const char c : filename) {
    const bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
    ascii.push_back(plain ? c : '_');
  }
  return absl::StrCat("attachment; filename=\"", ascii, "\"; filename*=UTF-8''",
                      PercentEncode(filename));
}

}  // namespace stockroom::http
