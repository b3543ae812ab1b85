#include "services/api/auth/jw_refusal.h"

#include "services/common/base/status.h"

namespace stockroom::api {

absl::Status RefuseToken(std::string_view detail, std::string_view message) {
  return MakeStatus(
      absl::StatusCode::kUnauthenticated, message,
      {.reason = "CREDENTIALS_INVALID", .metadata = {{"detail", std::string(detail)}}});
}

std::string RefusalDetail(const absl::Status& status) {
  if (!absl::IsUnauthenticated(status)) return "";
  const ErrorDetails details = DetailsOf(status);
  const auto detail = details.metadata.find("detail");
  return detail == details.metadata.end() ? "" : detail->second;
}

}  // namespace stockroom::api
