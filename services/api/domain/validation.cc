#include "services/api/domain/validation.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/ascii.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr std::string_view kEventTypes[] = {kImageCreated,  kImageUpdated, kImageReady,
                                            kImageFailed,   kImageDeleted, kImageFlagged,
                                            kImageApproved, kImageRejected};

absl::Status CheckText(const std::string& field, std::string_view text, size_t max_characters) {
  if (!IsCleanUtf8(text)) return InvalidField(field, "expected UTF-8 text without NUL");
  const size_t length = Utf8Length(text);
  if (length > max_characters) {
    return InvalidField(field, "has " + std::to_string(length) + " characters; at most " +
                                   std::to_string(max_characters) + " are allowed");
  }
  return absl::OkStatus();
}

absl::Status NormaliseTags(std::vector<std::string>& tags) {
  std::vector<std::string> kept;
  std::set<std::string> seen;
  for (size_t i = 0; i < tags.size(); ++i) {
    std::string tag(absl::StripAsciiWhitespace(tags[i]));
    SR_RETURN_IF_ERROR(CheckText("tags[" + std::to_string(i) + "]", tag, kMaxTag));
    if (!tag.empty() && seen.insert(tag).second) kept.push_back(std::move(tag));
  }
  if (kept.size() > kMaxTags) {
    return InvalidField("tags", std::to_string(kept.size()) + " tags; at most " +
                                    std::to_string(kMaxTags) + " are allowed");
  }
  tags = std::move(kept);
  return absl::OkStatus();
}

absl::Status CheckAttributes(const std::map<std::string, std::string>& attributes) {
  if (attributes.size() > kMaxAttributes) {
    return InvalidField("attributes", std::to_string(attributes.size()) + " pairs; at most " +
                                          std::to_string(kMaxAttributes) + " are allowed");
  }
  for (const auto& [key, value] : attributes) {
    if (key.empty()) return InvalidField("attributes", "a key is empty");
    SR_RETURN_IF_ERROR(CheckText("attributes", key, kMaxAttributeKey));
    SR_RETURN_IF_ERROR(CheckText("attributes[" + key + "]", value, kMaxAttributeValue));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status NormaliseDescription(Description& d) {
  SR_RETURN_IF_ERROR(CheckText("title", d.title, kMaxTitle));
  SR_RETURN_IF_ERROR(CheckText("description", d.description, kMaxDescription));
  SR_RETURN_IF_ERROR(CheckText("license", d.license, kMaxLicense));
  SR_RETURN_IF_ERROR(NormaliseTags(d.tags));
  return CheckAttributes(d.attributes);
}

std::string CleanFilename(std::string_view from_client) {
  const size_t slash = from_client.find_last_of("/\\");
  if (slash != std::string_view::npos) from_client.remove_prefix(slash + 1);
  if (!IsCleanUtf8(from_client) || from_client == "." || from_client == "..") return "";
  std::string name;
  for (const char c : from_client) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) name.push_back(c);
  }
  if (name.size() > kMaxFilename) {
    name.resize(kMaxFilename);
    while (!name.empty() && !IsCleanUtf8(name)) name.pop_back();  // no half character
  }
  return name;
}

absl::Status CheckImageId(std::string_view id) {
  if (IsUuid(id)) return absl::OkStatus();
  return InvalidField("id", "'" + std::string(id.substr(0, 64)) +
                                "' is not an image id, which looks like "
                                "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f");
}

absl::Status CheckAnalysisName(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      });
  if (fits) return absl::OkStatus();
  return InvalidField("name", "expected 1 to 64 characters of a-z, 0-9, '-' and '_'");
}

absl::Status CheckEventType(std::string_view type) {
  if (std::find(std::begin(kEventTypes), std::end(kEventTypes), type) != std::end(kEventTypes)) {
    return absl::OkStatus();
  }
  std::string known;
  for (const std::string_view one : kEventTypes) {
    if (!known.empty()) known += one == *std::rbegin(kEventTypes) ? " and " : ", ";
    known += one;
  }
  return InvalidField("types",
                      "\"" + std::string(type) + "\" is no event type; there are " + known);
}

}  // namespace stockroom::api
