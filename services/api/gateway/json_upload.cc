#include "services/api/gateway/json_upload.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/api/gateway/transcoder.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

constexpr char kData[] = "data";
constexpr char kImage[] = "image";

// What follows "data:image/png;base64,", or all of it.
absl::StatusOr<std::string_view> WithoutDataUrl(std::string_view text) {
  if (!text.starts_with("data:")) return text;
  const size_t comma = text.find(',');
  if (comma == text.npos || !text.substr(0, comma).ends_with(";base64")) {
    return InvalidField(kImage, "a data URL must be in base64: data:image/png;base64,…");
  }
  return text.substr(comma + 1);
}

absl::StatusOr<std::string> DecodeImage(const json& value) {
  if (!value.is_string()) return InvalidField(kImage, "expected the image's bytes in base64");
  SR_ASSIGN_OR_RETURN(const std::string_view text,
                      WithoutDataUrl(value.get_ref<const std::string&>()));
  std::string bytes;
  if (!absl::Base64Unescape(Av(text), &bytes) && !absl::WebSafeBase64Unescape(Av(text), &bytes)) {
    return InvalidField(kImage, "is not base64");
  }
  if (bytes.empty()) return InvalidArgument("EMPTY_UPLOAD", "the upload has no bytes");
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> ReadJsonUpload(std::string body, google::protobuf::Message& header) {
  json whole = json::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string().swap(body);  // as large as the image; not needed twice
  if (!whole.is_object()) return InvalidArgument("BAD_JSON", "expected a JSON object");
  const bool wrapped = whole.contains(kData);
  if (wrapped && whole.size() > 1) {
    return InvalidArgument("BAD_JSON", "beside \"data\" no other member is allowed");
  }
  json fields = wrapped ? std::move(whole[kData]) : std::move(whole);
  if (!fields.is_object()) return InvalidField(kData, "expected an object");
  const auto image = fields.find(kImage);
  if (image == fields.end()) {
    return InvalidField(kImage, "is missing: expected the image's bytes in base64");
  }
  SR_ASSIGN_OR_RETURN(std::string bytes, DecodeImage(*image));
  fields.erase(image);
  SR_RETURN_IF_ERROR(MergeJson(fields, header));
  return bytes;
}

absl::StatusOr<ByteBudget::Share> ByteBudget::Take(int64_t bytes) {
  if ((left_ -= bytes) < 0) {
    left_ += bytes;
    return Overloaded("too many uploads as JSON at once; try again shortly", absl::Seconds(1));
  }
  return Share(shared_from_this(), bytes);
}

}  // namespace stockroom::api
