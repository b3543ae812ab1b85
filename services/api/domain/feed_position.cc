#include "services/api/domain/feed_position.h"

#include <string>

#include "services/common/base/status.h"

namespace stockroom::api {

absl::Status FeedPosition::WaitFor(int64_t position, const CallContext& context) {
  const auto wake = context.cancellation->OnCancel([this] {
    MutexLock lock(mu_);
    moved_.NotifyAll();
  });
  MutexLock lock(mu_);
  while (position_ < position) {
    if (context.cancellation->cancelled()) return absl::CancelledError("the caller is gone");
    if (context.TimeLeft() <= absl::ZeroDuration()) {
      return MakeStatus(absl::StatusCode::kDeadlineExceeded,
                        "the search index is at feed position " + std::to_string(position_) +
                            " and did not reach " + std::to_string(position) + " in time",
                        {.reason = "INDEX_BEHIND"});
    }
    moved_.WaitFor(mu_, context.TimeLeft());
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
