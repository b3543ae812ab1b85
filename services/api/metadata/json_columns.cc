#include "services/api/metadata/json_columns.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

absl::Status Unreadable(std::string_view why) {
  return MakeStatus(absl::StatusCode::kDataLoss, "a JSON column is damaged: " + std::string(why),
                    {.reason = "DATABASE_CORRUPT"});
}

// Reads a column straight into its values. nlohmann's tree of the same text takes about three times
// as long, and every record that is read has such columns. `Sink` gets what it expects at depth 1
// and 2; everything else is an error.
template <typename Sink>
class ColumnReader final : public nlohmann::json_sax<json> {
 public:
  explicit ColumnReader(Sink sink) : sink_(std::move(sink)) {}

  bool null() override { return false; }
  bool boolean(bool) override { return false; }
  bool number_integer(number_integer_t value) override { return sink_.Number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return value <= static_cast<uint64_t>(INT64_MAX) && sink_.Number(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return false; }
  bool string(string_t& value) override { return sink_.Text(value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return sink_.Begin('{'); }
  bool key(string_t& name) override { return sink_.Key(name); }
  bool end_object() override { return sink_.End('}'); }
  bool start_array(size_t) override { return sink_.Begin('['); }
  bool end_array() override { return sink_.End(']'); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    why_ = e.what();
    return false;
  }

  absl::Status Read(const std::string& text) {
    if (json::sax_parse(text, this)) return absl::OkStatus();
    return Unreadable(why_.empty() ? "not what belongs there" : why_);
  }

 private:
  Sink sink_;
  std::string why_;
};

struct ListSink {
  std::vector<std::string>& list;
  int depth = 0;

  bool Number(int64_t) { return false; }
  bool Text(std::string& value) {
    list.push_back(std::move(value));
    return depth == 1;
  }
  bool Begin(char what) { return what == '[' && ++depth == 1; }
  bool Key(const std::string&) { return false; }
  bool End(char) { return true; }
};

struct MapSink {
  std::map<std::string, std::string>& pairs;
  int depth = 0;
  std::string* value = nullptr;

  bool Number(int64_t) { return false; }
  bool Text(std::string& text) {
    if (value == nullptr) return false;
    *value = std::move(text);
    return true;
  }
  bool Begin(char what) { return what == '{' && ++depth == 1; }
  bool Key(std::string& name) {
    value = &pairs[std::move(name)];
    return true;
  }
  bool End(char) { return true; }
};

// A list of objects, each with all of its members.
struct RenditionsSink {
  std::vector<Rendition>& renditions;
  int depth = 0;
  unsigned found = 0;  // a bit for each member
  std::string* text = nullptr;
  int64_t* number = nullptr;
  int64_t width = 0;
  int64_t height = 0;
  std::string sha256;

  static constexpr unsigned kAll = (1u << 9) - 1;

  bool Begin(char what) {
    ++depth;
    if (depth == 1) return what == '[';
    if (depth != 2 || what != '{') return false;
    renditions.emplace_back();
    found = 0;
    return true;
  }
  bool Key(const std::string& name) {
    Rendition& r = renditions.back();
    text = nullptr;
    number = nullptr;
    const auto member = [&](unsigned bit, std::string_view known, auto*& into, auto* target) {
      if (name != known) return false;
      into = target;
      found |= 1u << bit;
      return true;
    };
    // A text or number that a later version added is skipped.
    member(0, "preset", text, &r.preset) || member(1, "recipe", text, &r.recipe) ||
        member(2, "key", text, &r.key) || member(3, "format", text, &r.format) ||
        member(4, "media_type", text, &r.media_type) || member(5, "width", number, &width) ||
        member(6, "height", number, &height) || member(7, "size_bytes", number, &r.size_bytes) ||
        member(8, "sha256", text, &sha256);
    return true;
  }
  bool Text(std::string& value) {
    if (number != nullptr || depth != 2) return false;
    if (text != nullptr) *text = std::move(value);
    return true;
  }
  bool Number(int64_t value) {
    if (text != nullptr || depth != 2) return false;
    if (number != nullptr) *number = value;
    return true;
  }
  bool End(char) {
    if (--depth == 0) return true;
    Rendition& r = renditions.back();
    r.width = static_cast<int32_t>(width);
    r.height = static_cast<int32_t>(height);
    const absl::StatusOr<Digest> digest = Digest::FromHex(sha256);
    if (digest.ok()) r.sha256 = *digest;
    return digest.ok() && found == kAll;
  }
};

// Most columns are empty: not worth a parser.
bool IsEmptyList(const std::string& text) { return text == "[]"; }
bool IsEmptyMap(const std::string& text) { return text == "{}"; }

}  // namespace

std::string ToJson(const std::vector<std::string>& list) {
  return list.empty() ? "[]" : json(list).dump();
}

std::string ToJson(const std::map<std::string, std::string>& pairs) {
  return pairs.empty() ? "{}" : json(pairs).dump();
}

std::string ToJson(const std::vector<Rendition>& renditions) {
  json array = json::array();
  for (const Rendition& r : renditions) {
    array.push_back({{"preset", r.preset},
                     {"recipe", r.recipe},
                     {"key", r.key},
                     {"format", r.format},
                     {"media_type", r.media_type},
                     {"width", r.width},
                     {"height", r.height},
                     {"size_bytes", r.size_bytes},
                     {"sha256", r.sha256.hex()}});
  }
  return array.dump();
}

absl::Status ListFromJson(const std::string& text, std::vector<std::string>& list) {
  if (IsEmptyList(text)) return absl::OkStatus();
  return ColumnReader(ListSink{list}).Read(text);
}

absl::Status MapFromJson(const std::string& text, std::map<std::string, std::string>& pairs) {
  if (IsEmptyMap(text)) return absl::OkStatus();
  return ColumnReader(MapSink{pairs}).Read(text);
}

absl::Status RenditionsFromJson(const std::string& text, std::vector<Rendition>& renditions) {
  if (IsEmptyList(text)) return absl::OkStatus();
  return ColumnReader(RenditionsSink{renditions}).Read(text);
}

}  // namespace stockroom::api
