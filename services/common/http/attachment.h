// Content-Disposition of answers (RFC 6266, RFC 8187). Pure.
#pragma once

#include <string>
#include <string_view>

namespace stockroom::http {

// attachment; filename="ascii version"; filename*=UTF-8''exact
// Of the last component of `filename`, which is UTF-8.
std::string AttachmentNamed(std::string_view filename);

}  // namespace stockroom::http
