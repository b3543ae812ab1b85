#include "services/api/handlers/convert.h"

#include <google/protobuf/util/time_util.h>
#include <algorithm>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "services/api/handlers/analysis_bytes.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kDefaultWaitMs = 30'000;
constexpr int kMaxWaitMs = 300'000;

void ToMessage(const Rendition& rendition, const std::string& image_id, v1::Rendition* out) {
  out->set_preset(rendition.preset);
  out->set_recipe(rendition.recipe);
  out->set_format(rendition.format);
  out->set_media_type(rendition.media_type);
  out->set_width(rendition.width);
  out->set_height(rendition.height);
  out->set_size_bytes(rendition.size_bytes);
  out->set_url("/i/" + image_id + "/" + rendition.preset + "." + ExtensionOf(rendition.format));
}

// Straight from the parsed JSON: protobuf's own reader takes about twenty times as long.
void ToValue(const nlohmann::json& json, google::protobuf::Value* out) {
  switch (json.type()) {
    case nlohmann::json::value_t::object:
      for (const auto& [name, member] : json.items()) {
        ToValue(member, &(*out->mutable_struct_value()->mutable_fields())[name]);
      }
      out->mutable_struct_value();
      break;
    case nlohmann::json::value_t::array:
      for (const auto& element : json) ToValue(element, out->mutable_list_value()->add_values());
      out->mutable_list_value();
      break;
    case nlohmann::json::value_t::string:
      out->set_string_value(json.get_ref<const std::string&>());
      break;
    case nlohmann::json::value_t::boolean:
      out->set_bool_value(json.get<bool>());
      break;
    case nlohmann::json::value_t::null:
      out->set_null_value(google::protobuf::NULL_VALUE);
      break;
    default:
      out->set_number_value(json.get<double>());
  }
}

// Discarded when the text is no JSON object.
nlohmann::json ParseObject(const std::string& name, const std::string& text) {
  bool too_deep = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kDeepestAnalysis;
    return !too_deep;
  };
  auto json = nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_object() && !too_deep) return json;
  LogWarning("a stored analysis result is no JSON object, or nested too deeply",
             {{"processor", name}});
  return nlohmann::json(nlohmann::json::value_t::discarded);
}

void ToMessage(const std::map<std::string, std::string>& analysis, google::protobuf::Struct* out) {
  for (const auto& [name, text] : analysis) {
    const nlohmann::json json = ParseObject(name, text);
    if (!json.is_discarded()) ToValue(json, &(*out->mutable_fields())[name]);
  }
}

const std::map<std::string, DescribedField>& FieldsByName() {
  static const auto* const fields =
      new std::map<std::string, DescribedField>{{"title", DescribedField::kTitle},
                                                {"description", DescribedField::kDescription},
                                                {"tags", DescribedField::kTags},
                                                {"license", DescribedField::kLicense},
                                                {"attributes", DescribedField::kAttributes},
                                                {"visibility", DescribedField::kVisibility}};
  return *fields;
}

absl::StatusOr<Visibility> FromMessage(v1::Visibility visibility) {
  switch (visibility) {
    case v1::VISIBILITY_UNSPECIFIED:
    case v1::PUBLIC:
      return Visibility::kPublic;
    case v1::UNLISTED:
      return Visibility::kUnlisted;
    case v1::PRIVATE:
      return Visibility::kPrivate;
    default:
      return InvalidField("visibility", "expected PUBLIC, UNLISTED or PRIVATE");
  }
}

// UploadHeader and Image name the described fields alike.
template <typename Message>
absl::StatusOr<Description> Describe(const Message& message) {
  Description d{.title = message.title(),
                .description = message.description(),
                .tags = {message.tags().begin(), message.tags().end()},
                .license = message.license(),
                .attributes = {message.attributes().begin(), message.attributes().end()}};
  SR_ASSIGN_OR_RETURN(d.visibility, FromMessage(message.visibility()));
  return d;
}

absl::StatusOr<absl::Duration> WaitTimeoutOf(int32_t milliseconds) {
  if (milliseconds < 0 || milliseconds > kMaxWaitMs) {
    return InvalidField("wait_timeout_ms", "expected 0 to " + std::to_string(kMaxWaitMs));
  }
  return absl::Milliseconds(milliseconds == 0 ? kDefaultWaitMs : milliseconds);
}

// What `hex` stands for; it may be empty.
absl::StatusOr<std::string> BytesOf(const char* field, const std::string& hex, size_t size) {
  if (hex.empty()) return hex;
  absl::StatusOr<std::string> bytes = FromHex(hex);
  if (bytes.ok() && bytes->size() == size) return bytes;
  return InvalidField(field, "expected " + std::to_string(2 * size) + " lower-case hex digits");
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  // Out of its range the library ends the process.
  const absl::Time first = absl::FromUnixSeconds(TimeUtil::kTimestampMinSeconds);
  const absl::Time last = absl::FromUnixSeconds(TimeUtil::kTimestampMaxSeconds);
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(std::clamp(time, first, last)));
}

absl::StatusOr<absl::Time> TimeOf(std::string_view field, const google::protobuf::Timestamp& time) {
  if (time.seconds() < TimeUtil::kTimestampMinSeconds ||
      time.seconds() > TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return InvalidField(field, "expected a time from the year 1 to 9999");
  }
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string ThumbHashOf(const std::map<std::string, std::string>& analysis) {
  const auto it = analysis.find("thumbhash");
  if (it == analysis.end()) return "";
  return TextInResult(it->second, "base64").value_or("");
}

void ToMessage(const Image& image, v1::ImageView view, v1::Image* out) {
  out->set_id(image.id);
  out->set_owner(image.owner);
  out->set_title(image.described.title);
  out->set_description(image.described.description);
  for (const std::string& tag : image.described.tags) out->add_tags(tag);
  out->set_license(image.described.license);
  out->mutable_attributes()->insert(image.described.attributes.begin(),
                                    image.described.attributes.end());
  out->set_visibility(static_cast<v1::Visibility>(image.described.visibility));
  out->set_state(static_cast<v1::State>(image.state));
  out->set_failure_reason(image.failure_reason);
  out->set_filename(image.filename);
  // Of one that is UPLOADING only what was announced.
  if (image.sha256 != Digest()) out->set_sha256(image.sha256.hex());
  out->set_md5(ToHex(image.md5));
  out->set_size_bytes(image.size_bytes);
  out->set_width(image.facts.width);
  out->set_height(image.facts.height);
  out->set_format(image.facts.format);
  out->set_media_type(image.facts.media_type);
  out->set_frames(image.facts.frames);
  if (image.facts.taken_time) {
    *out->mutable_taken_time() = ToTimestamp(*image.facts.taken_time);
  }
  if (view == v1::FULL) ToMessage(image.analysis, out->mutable_analysis());
  out->set_thumb_hash(ThumbHashOf(image.analysis));
  for (const Rendition& rendition : image.renditions) {
    ToMessage(rendition, image.id, out->add_renditions());
  }
  if (image.state != ImageState::kUploading) {
    out->set_original_url("/i/" + image.id + "/original");
  }
  *out->mutable_create_time() = ToTimestamp(image.create_time);
  *out->mutable_update_time() = ToTimestamp(image.update_time);
  out->set_revision(image.revision);
}

absl::StatusOr<UploadRequest> FromHeader(const v1::UploadHeader& header) {
  UploadRequest request{.filename = header.filename(),
                        .allow_duplicate = header.allow_duplicate(),
                        .wait = header.wait()};
  SR_ASSIGN_OR_RETURN(request.described, Describe(header));
  if (!header.sha256().empty()) {
    absl::StatusOr<Digest> digest = Digest::FromHex(header.sha256());
    if (!digest.ok()) return InvalidField("sha256", Sv(digest.status().message()));
    request.expected_sha256 = *digest;
  }
  SR_ASSIGN_OR_RETURN(request.wait_timeout, WaitTimeoutOf(header.wait_timeout_ms()));
  return request;
}

absl::StatusOr<AnnounceRequest> FromMessage(const v1::CreateUploadRequest& request) {
  AnnounceRequest announced{.size_bytes = request.size_bytes(),
                            .content_type = request.content_type(),
                            .filename = request.filename(),
                            .expires_in = absl::Seconds(request.expires_in_seconds()),
                            .allow_duplicate = request.allow_duplicate()};
  SR_ASSIGN_OR_RETURN(announced.described, Describe(request));
  if (!request.sha256().empty()) {
    absl::StatusOr<Digest> digest = Digest::FromHex(request.sha256());
    if (!digest.ok()) return InvalidField("sha256", Sv(digest.status().message()));
    announced.sha256 = *digest;
  }
  SR_ASSIGN_OR_RETURN(announced.md5, BytesOf("md5", request.md5(), 16));
  SR_ASSIGN_OR_RETURN(const std::string crc, BytesOf("crc32c", request.crc32c(), 4));
  if (!crc.empty()) {
    uint32_t value = 0;
    for (const char byte : crc) value = value << 8 | static_cast<unsigned char>(byte);
    announced.crc32c = value;
  }
  return announced;
}

absl::StatusOr<CompleteRequest> FromMessage(const v1::CompleteUploadRequest& request) {
  CompleteRequest complete{.id = request.id(), .wait = request.wait()};
  SR_ASSIGN_OR_RETURN(complete.wait_timeout, WaitTimeoutOf(request.wait_timeout_ms()));
  return complete;
}

absl::StatusOr<Description> DescriptionOf(const v1::Image& image) { return Describe(image); }

absl::StatusOr<std::set<DescribedField>> FieldsToUpdate(const v1::UpdateImageRequest& request) {
  std::set<DescribedField> fields;
  for (const std::string& path : request.update_mask().paths()) {
    const auto it = FieldsByName().find(path);
    if (it == FieldsByName().end()) {
      return InvalidField("update_mask", "'" + path +
                                             "' can not be changed; expected title, description, "
                                             "tags, license, attributes or visibility");
    }
    fields.insert(it->second);
  }
  if (request.has_update_mask()) return fields;
  const v1::Image& image = request.image();
  if (!image.title().empty()) fields.insert(DescribedField::kTitle);
  if (!image.description().empty()) fields.insert(DescribedField::kDescription);
  if (image.tags_size() > 0) fields.insert(DescribedField::kTags);
  if (!image.license().empty()) fields.insert(DescribedField::kLicense);
  if (image.attributes_size() > 0) fields.insert(DescribedField::kAttributes);
  if (image.visibility() != v1::VISIBILITY_UNSPECIFIED) fields.insert(DescribedField::kVisibility);
  return fields;
}

absl::StatusOr<ReprocessRequest> ReprocessRequestOf(const v1::ReprocessImagesRequest& request) {
  using Which = ReprocessRequest::Which;
  ReprocessRequest wanted{.page_token = request.page_token()};
  switch (request.which_case()) {
    case v1::ReprocessImagesRequest::kId:
      wanted.which = Which::kOne;
      wanted.id = request.id();
      return wanted;
    case v1::ReprocessImagesRequest::kQuery:
      wanted.which = Which::kQuery;
      wanted.query = request.query();
      return wanted;
    case v1::ReprocessImagesRequest::kOutdated:
      wanted.which = Which::kOutdated;
      if (!request.outdated()) return InvalidField("outdated", "must be true if it is given");
      return wanted;
    case v1::ReprocessImagesRequest::kAll:
      wanted.which = Which::kAll;
      if (!request.all()) return InvalidField("all", "must be true if it is given");
      return wanted;
    case v1::ReprocessImagesRequest::WHICH_NOT_SET:
      break;
  }
  return InvalidField("which", "say which images: id, query, outdated or all");
}

}  // namespace stockroom::api
