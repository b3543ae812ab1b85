#include "services/api/auth/jw_text.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

int Base64UrlValue(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

// Builds the document and stops at what nlohmann's own builder lets pass.
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  explicit StrictBuilder(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override {
    return std::isfinite(value) && Add(value);
  }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(json::object()); }
  bool start_array(size_t) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    const auto [slot, is_new] = open_.back()->get_ref<json::object_t&>().try_emplace(name);
    if (!is_new) problem_ = "names a member twice";
    slot_ = &slot->second;
    return is_new;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  json Take() { return std::move(root_); }
  const char* problem() const { return problem_; }

 private:
  // Where the value went. Pointers into open containers stay good: only the innermost grows.
  json* Put(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }
  bool Add(json value) {
    Put(std::move(value));
    return true;
  }
  bool Open(json container) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      problem_ = "is nested too deeply";
      return false;
    }
    open_.push_back(Put(std::move(container)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  const int max_depth_;
  json root_;
  std::vector<json*> open_;
  json* slot_ = nullptr;
  const char* problem_ = "is not JSON";
};

}  // namespace

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = Base64UrlValue(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

absl::StatusOr<json> ParseStrictJson(std::string_view text, int max_depth) {
  StrictBuilder builder(max_depth);
  // nlohmann takes a NUL for the end of the text, and skips a byte order mark.
  const bool fits = text.find('\0') == text.npos && !text.starts_with('\xEF');
  if (!fits || !json::sax_parse(text.begin(), text.end(), &builder)) {
    return InvalidArgument("BAD_JSON", builder.problem());
  }
  return builder.Take();
}

}  // namespace stockroom::api
