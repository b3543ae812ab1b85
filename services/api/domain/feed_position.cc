#include "services/api/domain/feed_position.h"

#include <limits>
#include <string>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

}  // namespace

void FeedPosition::Advance(int64_t position) {
  int64_t before = position_.load();
  while (before < position && !position_.compare_exchange_weak(before, position)) {
  }
  if (before < position) waiters_.Wake(kLeast, position, absl::OkStatus());
}

void FeedPosition::Wait(int64_t position, const CallContext& context, Done done) {
  if (Get() >= position) return done(absl::OkStatus());
  const auto late = [this, position] {
    return MakeStatus(absl::StatusCode::kDeadlineExceeded,
                      "the search index is at feed position " + std::to_string(Get()) +
                          " and did not reach " + std::to_string(position) + " in time",
                      {.reason = "INDEX_BEHIND"});
  };
  if (!waiters_.Add(position, context.deadline, *context.cancellation,
                    {.late = late, .cancelled = absl::CancelledError("the caller is gone")},
                    done)) {
    return done(
        Overloaded("too many searches wait for the index; try again shortly", absl::Seconds(1)));
  }
  // An Advance that looked for waiters before this one was there does not come again.
  if (Get() >= position) waiters_.Wake(kLeast, position, absl::OkStatus());
}

}  // namespace stockroom::api
