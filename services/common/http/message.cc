#include "services/common/http/message.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kUsualText = 512;
constexpr size_t kUsualFields = 12;

}  // namespace

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
  const size_t needed = text_.size() + name.size() + value.size();
  // The old text stays until it was copied from.
  std::string old;
  if (needed > text_.capacity()) {
    old = std::exchange(text_, {});
    text_.reserve(std::max(kUsualText, 2 * needed));
    text_ = old;
  }
  if (places_.empty()) places_.reserve(kUsualFields);
  places_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size())});
  text_.append(name).append(value);
}

void Headers::Set(std::string_view name, std::string_view value) {
  std::erase_if(places_, [&](const Place& place) {
    return EqualsIgnoreCase(std::string_view(text_).substr(place.at, place.name), name);
  });
  Add(name, value);
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (size_t i = 0; i < size(); ++i) {
    const Field field = (*this)[i];
    if (EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

int Headers::Count(std::string_view name) const {
  int count = 0;
  for (size_t i = 0; i < size(); ++i) count += EqualsIgnoreCase((*this)[i].name, name) ? 1 : 0;
  return count;
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

std::string_view Response::whole_body() const {
  if (shared_body == nullptr) return body;
  const std::string_view all(*shared_body);
  return all.substr(static_cast<size_t>(shared_offset),
                    shared_length ? static_cast<size_t>(*shared_length) : std::string_view::npos);
}

Response Response::Text(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

}  // namespace stockroom::http
