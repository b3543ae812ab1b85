#include "services/api/metadata/json_columns.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/functional/function_ref.h"

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

absl::Status Unreadable(std::string_view why) {
  return MakeStatus(absl::StatusCode::kDataLoss, "a JSON column is damaged: " + std::string(why),
                    {.reason = "DATABASE_CORRUPT"});
}

// nlohmann reads the same text a character at a time and takes about ten times as long, which is
// what loading a million records mostly waited for.
absl::Status Read(const std::string& text, absl::FunctionRef<bool(simdjson::dom::element)> take) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(text).get(root)) {
    return Unreadable(simdjson::error_message(error));
  }
  return take(root) ? absl::OkStatus() : Unreadable("not what belongs there");
}

bool TakeText(simdjson::dom::element element, std::string& out) {
  std::string_view text;
  if (element.get(text)) return false;
  out.assign(text);
  return true;
}

bool TakeNumber(simdjson::dom::element element, int64_t& out) { return !element.get(out); }

bool TakeInt(simdjson::dom::element element, int32_t& out) {
  int64_t number = 0;
  if (!TakeNumber(element, number)) return false;
  out = static_cast<int32_t>(number);
  return true;
}

bool TakeDigest(simdjson::dom::element element, Digest& out) {
  std::string_view hex;
  if (element.get(hex)) return false;
  const absl::StatusOr<Digest> digest = Digest::FromHex(hex);
  if (digest.ok()) out = *digest;
  return digest.ok();
}

// All of its members must be there. A text or number that a later version added is skipped.
bool TakeRendition(simdjson::dom::object object, Rendition& r) {
  int found = 0;
  for (const auto [name, value] : object) {
    bool taken = true;
    if (name == "preset") {
      taken = TakeText(value, r.preset);
    } else if (name == "recipe") {
      taken = TakeText(value, r.recipe);
    } else if (name == "key") {
      taken = TakeText(value, r.key);
    } else if (name == "format") {
      taken = TakeText(value, r.format);
    } else if (name == "media_type") {
      taken = TakeText(value, r.media_type);
    } else if (name == "width") {
      taken = TakeInt(value, r.width);
    } else if (name == "height") {
      taken = TakeInt(value, r.height);
    } else if (name == "size_bytes") {
      taken = TakeNumber(value, r.size_bytes);
    } else if (name == "sha256") {
      taken = TakeDigest(value, r.sha256);
    } else {
      if (!value.is_string() && !value.is_number()) return false;
      continue;
    }
    if (!taken) return false;
    ++found;
  }
  return found == 9;
}

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
  return Read(text, [&](simdjson::dom::element root) {
    simdjson::dom::array array;
    if (root.get(array)) return false;
    list.reserve(list.size() + array.size());
    for (const simdjson::dom::element element : array) {
      if (!TakeText(element, list.emplace_back())) return false;
    }
    return true;
  });
}

absl::Status MapFromJson(const std::string& text, std::map<std::string, std::string>& pairs) {
  if (IsEmptyMap(text)) return absl::OkStatus();
  return Read(text, [&](simdjson::dom::element root) {
    simdjson::dom::object object;
    if (root.get(object)) return false;
    for (const auto [name, value] : object) {
      if (!TakeText(value, pairs[std::string(name)])) return false;
    }
    return true;
  });
}

absl::Status RenditionsFromJson(const std::string& text, std::vector<Rendition>& renditions) {
  if (IsEmptyList(text)) return absl::OkStatus();
  return Read(text, [&](simdjson::dom::element root) {
    simdjson::dom::array array;
    if (root.get(array)) return false;
    renditions.reserve(renditions.size() + array.size());
    for (const simdjson::dom::element element : array) {
      simdjson::dom::object object;
      if (element.get(object) || !TakeRendition(object, renditions.emplace_back())) return false;
    }
    return true;
  });
}

}  // namespace stockroom::api
