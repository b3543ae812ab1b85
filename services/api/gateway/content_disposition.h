// Content-Disposition, read (RFC 6266, RFC 7578, RFC 8187). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::api {

struct ContentDisposition {
  std::string type;  // lower case: form-data, attachment, …
  std::optional<std::string> name;
  // Without any folder that came along. filename* wins over filename.
  std::optional<std::string> filename;
};

// INVALID_ARGUMENT if the header can not be read.
absl::StatusOr<ContentDisposition> ParseContentDisposition(std::string_view header);

// The value of parameter `name` of a header such as Content-Type, unquoted; nullopt if absent.
std::optional<std::string> HeaderParameter(std::string_view header, std::string_view name);

}  // namespace stockroom::api
