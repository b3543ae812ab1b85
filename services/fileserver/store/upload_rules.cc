#include "services/fileserver/store/upload_rules.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {

absl::Status CheckRoom(int64_t have, size_t more, int64_t limit) {
  if (static_cast<int64_t>(more) <= limit - have) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kOutOfRange,
                    absl::StrCat("more than the ", limit, " bytes that are allowed"),
                    {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(limit)}}});
}

absl::Status CheckComplete(int64_t arrived, int64_t sent) {
  if (arrived != sent) {
    return InvalidArgument("INCOMPLETE", absl::StrCat("the sender speaks of ", sent, " bytes but ",
                                                      arrived, " arrived"));
  }
  if (arrived == 0) return InvalidArgument("EMPTY", "there are no bytes to store");
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
