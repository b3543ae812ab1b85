#include "services/common/base/status.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/cord.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

// One payload holds everything; services/common/rpc turns it into google.rpc messages.
constexpr char kDetailsUrl[] = "stockroom/error-details";

}  // namespace

void AttachDetails(absl::Status& status, const ErrorDetails& details) {
  if (status.ok()) return;
  nlohmann::json json = {{"reason", details.reason}, {"metadata", details.metadata}};
  for (const auto& violation : details.violations) {
    json["violations"].push_back({violation.field, violation.description});
  }
  if (details.retry_after) json["retry_ms"] = absl::ToInt64Milliseconds(*details.retry_after);
  // Text from outside may not be UTF-8; replacing beats throwing.
  status.SetPayload(
      kDetailsUrl, absl::Cord(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

ErrorDetails DetailsOf(const absl::Status& status) {
  ErrorDetails details;
  const auto payload = status.GetPayload(kDetailsUrl);
  if (!payload) return details;
  const auto json =
      nlohmann::json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return details;
  details.reason = json["reason"];
  details.metadata = json["metadata"].get<std::map<std::string, std::string>>();
  if (json.contains("violations")) {
    for (const auto& v : json["violations"]) details.violations.push_back({v[0], v[1]});
  }
  if (json.contains("retry_ms")) {
    details.retry_after = absl::Milliseconds(json["retry_ms"].get<int64_t>());
  }
  return details;
}

absl::Status MakeStatus(absl::StatusCode code, std::string_view message, ErrorDetails details) {
  absl::Status status(code, Av(message));
  AttachDetails(status, details);
  return status;
}

absl::Status InvalidArgument(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, message, {.reason = std::string(reason)});
}

absl::Status InvalidField(std::string_view field, std::string_view description) {
  return MakeStatus(
      absl::StatusCode::kInvalidArgument, std::string(field) + ": " + std::string(description),
      {.reason = "INVALID_FIELD", .violations = {{std::string(field), std::string(description)}}});
}

absl::Status NotFound(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kNotFound, message, {.reason = std::string(reason)});
}

absl::Status Overloaded(std::string_view message, absl::Duration retry_after) {
  return MakeStatus(absl::StatusCode::kResourceExhausted, message,
                    {.reason = "OVERLOADED", .retry_after = retry_after});
}

absl::Status Unavailable(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kUnavailable, message,
                    {.reason = std::string(reason), .retry_after = absl::Seconds(1)});
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(),
                         std::string(context) + ": " + std::string(Sv(status.message())));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  // Abseil maps EIO to UNKNOWN and EROFS to FAILED_PRECONDITION; for a store both mean "away".
  const absl::StatusCode code = (error == EIO || error == EROFS) ? absl::StatusCode::kUnavailable
                                                                 : absl::ErrnoToStatusCode(error);
  ErrorDetails details{.reason = error == ENOSPC || error == EDQUOT ? "NO_SPACE" : "SYSTEM_ERROR",
                       .metadata = {{"errno", std::to_string(error)}}};
  if (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted) {
    details.retry_after = absl::Seconds(1);
  }
  char buffer[128];
  const char* text = strerror_r(error, buffer, sizeof buffer);
  return MakeStatus(code, std::string(what) + ": " + text, std::move(details));
}

}  // namespace stockroom
