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

template <typename T>
absl::Status Parse(const std::string& text, T& value) {
  try {
    value = json::parse(text).get<T>();
    return absl::OkStatus();
  } catch (const json::exception& e) {
    return Unreadable(e.what());
  }
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
  return Parse(text, list);
}

absl::Status MapFromJson(const std::string& text, std::map<std::string, std::string>& pairs) {
  if (IsEmptyMap(text)) return absl::OkStatus();
  return Parse(text, pairs);
}

absl::Status RenditionsFromJson(const std::string& text, std::vector<Rendition>& renditions) {
  if (IsEmptyList(text)) return absl::OkStatus();
  json array;
  SR_RETURN_IF_ERROR(Parse(text, array));
  try {
    for (const json& item : array) {
      Rendition r;
      item.at("preset").get_to(r.preset);
      item.at("recipe").get_to(r.recipe);
      item.at("key").get_to(r.key);
      item.at("format").get_to(r.format);
      item.at("media_type").get_to(r.media_type);
      item.at("width").get_to(r.width);
      item.at("height").get_to(r.height);
      item.at("size_bytes").get_to(r.size_bytes);
      const absl::StatusOr<Digest> digest = Digest::FromHex(item.at("sha256").get<std::string>());
      if (!digest.ok()) return Unreadable("sha256 of a rendition");
      r.sha256 = *digest;
      renditions.push_back(std::move(r));
    }
  } catch (const json::exception& e) {
    return Unreadable(e.what());
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
