#include "services/api/gateway/content_disposition.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/message.h"
#include "services/common/http/url.h"

namespace stockroom::api {
namespace {

absl::Status Bad(std::string_view what) { return InvalidArgument("BAD_HEADER", what); }

std::string_view Trim(std::string_view s) { return Sv(absl::StripAsciiWhitespace(Av(s))); }

// Takes a quoted string off the front of `s`. Only \" and \\ are escapes: browsers of old sent
// Windows paths unescaped.
absl::StatusOr<std::string> TakeQuoted(std::string_view& s) {
  std::string value;
  for (size_t i = 1; i < s.size(); ++i) {
    if (s[i] == '\\' && i + 1 < s.size() && (s[i + 1] == '"' || s[i + 1] == '\\')) {
      value.push_back(s[++i]);
    } else if (s[i] == '"') {
      s.remove_prefix(i + 1);
      return value;
    } else {
      value.push_back(s[i]);
    }
  }
  return Bad("a quoted header parameter does not end");
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

// "; a=b; c="d"", names in lower case.
absl::StatusOr<Parameters> ParseParameters(std::string_view rest) {
  Parameters parameters;
  while (true) {
    rest = Trim(rest);
    if (rest.empty()) return parameters;
    if (rest.front() != ';') return Bad("expected ';' between header parameters");
    rest = Trim(rest.substr(1));
    if (rest.empty()) return parameters;
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return Bad("a header parameter has no value");
    std::string name = absl::AsciiStrToLower(Av(Trim(rest.substr(0, equals))));
    rest = Trim(rest.substr(equals + 1));
    std::string value;
    if (!rest.empty() && rest.front() == '"') {
      SR_ASSIGN_OR_RETURN(value, TakeQuoted(rest));
    } else {
      const size_t end = std::min(rest.find(';'), rest.size());
      value = std::string(Trim(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
    parameters.emplace_back(std::move(name), std::move(value));
  }
}

std::string_view LastComponent(std::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// charset'language'percent-encoded
absl::StatusOr<std::string> DecodeExtended(std::string_view value) {
  const size_t first = value.find('\'');
  const size_t second = first == std::string_view::npos ? first : value.find('\'', first + 1);
  if (second == std::string_view::npos ||
      !http::EqualsIgnoreCase(value.substr(0, first), "utf-8")) {
    return Bad("filename* must be of the form UTF-8''name");
  }
  return http::PercentDecode(value.substr(second + 1));
}

}  // namespace

absl::StatusOr<ContentDisposition> ParseContentDisposition(std::string_view header) {
  ContentDisposition result;
  const size_t end = std::min(header.find(';'), header.size());
  result.type = absl::AsciiStrToLower(Av(Trim(header.substr(0, end))));
  SR_ASSIGN_OR_RETURN(const Parameters parameters, ParseParameters(header.substr(end)));
  bool extended = false;
  for (const auto& [name, value] : parameters) {
    if (name == "name") result.name = value;
    if (name == "filename" && !extended) result.filename = std::string(LastComponent(value));
    if (name == "filename*") {
      SR_ASSIGN_OR_RETURN(const std::string decoded, DecodeExtended(value));
      result.filename = std::string(LastComponent(decoded));
      extended = true;
    }
  }
  return result;
}

std::optional<std::string> HeaderParameter(std::string_view header, std::string_view name) {
  const auto parameters = ParseParameters(header.substr(std::min(header.find(';'), header.size())));
  if (!parameters.ok()) return std::nullopt;
  for (const auto& [key, value] : *parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace stockroom::api
