#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "services/api/handlers/convert.h"
#include "services/api/handlers/moderation_handlers.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using Verdict = ModeratorAnswer::Verdict;

absl::Status NoVerdict(const std::string& why) {
  return Unavailable("MODERATOR_ANSWER", "the external moderator's answer can not be used: " + why);
}

// Whole characters of clean text only: what comes is kept for ever.
std::string Cut(std::string text, size_t most) {
  if (text.size() > most) {
    text.resize(most);
    while (!text.empty() && !IsCleanUtf8(text)) text.pop_back();
  }
  return IsCleanUtf8(text) ? text : "(not text)";
}

}  // namespace

v1::ModerateRequest ModerateRequestOf(const ModeratorQuestion& question) {
  v1::ModerateRequest request;
  ToMessage(question.image, v1::FULL, request.mutable_image());
  request.mutable_image()->clear_state();
  const auto pdq = question.image.analysis.find("pdq");
  if (pdq != question.image.analysis.end()) {
    const auto json = nlohmann::json::parse(pdq->second, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("hash") && json["hash"].is_string()) {
      request.set_pdq(json["hash"].get<std::string>());
    }
    if (json.is_object() && json.contains("quality") && json["quality"].is_number_integer()) {
      request.set_pdq_quality(json["quality"].get<int>());
    }
  }
  request.set_preview(question.preview);
  request.set_preview_media_type(question.preview_media_type);
  *request.mutable_time() = ToTimestamp(absl::Now());
  return request;
}

absl::StatusOr<ModeratorAnswer> ModeratorAnswerOf(const v1::ModerateResponse& response) {
  ModeratorAnswer answer;
  switch (response.verdict()) {
    case v1::ModerateResponse::ALLOW:
      answer.verdict = Verdict::kAllow;
      break;
    case v1::ModerateResponse::FLAG:
      answer.verdict = Verdict::kFlag;
      break;
    case v1::ModerateResponse::REJECT:
      answer.verdict = Verdict::kReject;
      break;
    default:
      return NoVerdict("the verdict is none of ALLOW, FLAG and REJECT");
  }
  answer.reason = Cut(response.reason(), kMaxModeratorReason);
  for (const std::string& label : response.labels()) {
    if (answer.labels.size() == kMaxModeratorLabels) break;
    answer.labels.push_back(Cut(label, kMaxModeratorLabel));
  }
  return answer;
}

std::string ModeratorJson(const ModeratorQuestion& question) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(ModerateRequestOf(question), &json).ok()) {
    json.clear();
  }
  return json;
}

absl::StatusOr<ModeratorAnswer> ModeratorAnswerOf(const std::string& json) {
  v1::ModerateResponse response;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(json, &response, options).ok()) {
    return NoVerdict("it is not the JSON of a ModerateResponse");
  }
  return ModeratorAnswerOf(response);
}

}  // namespace stockroom::api
