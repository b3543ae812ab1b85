#include "services/common/http/message.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return absl::ascii_tolower(static_cast<unsigned char>(x)) ==
                  absl::ascii_tolower(static_cast<unsigned char>(y));
         });
}

std::string MediaType(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(Av(type)));
}

void Headers::Add(std::string_view name, std::string_view value) {
  fields_.emplace_back(std::string(name), std::string(value));
}

void Headers::Set(std::string_view name, std::string_view value) {
  std::erase_if(fields_, [&](const auto& field) { return EqualsIgnoreCase(field.first, name); });
  Add(name, value);
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

int Headers::Count(std::string_view name) const {
  return static_cast<int>(std::count_if(fields_.begin(), fields_.end(), [&](const auto& field) {
    return EqualsIgnoreCase(field.first, name);
  }));
}

Task<absl::StatusOr<std::string>> ReadAll(RequestBody& body, int64_t max_bytes) {
  std::string all;
  while (true) {
    ByteResult piece = co_await body.Read();
    if (!piece.ok()) co_return piece.status();
    if (!piece->has_value()) co_return all;
    if (static_cast<int64_t>(all.size() + (*piece)->size()) > max_bytes) {
      co_return BodyTooLarge(max_bytes);
    }
    all += **piece;
  }
}

std::string_view Request::Captured(std::string_view name) const {
  for (const auto& [key, value] : captures) {
    if (key == name) return value;
  }
  return "";
}

Response Response::Text(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

}  // namespace stockroom::http
