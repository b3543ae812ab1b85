#include "services/api/domain/feed_position.h"

#include <gtest/gtest.h>

#include <future>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class FeedPositionTest : public ::testing::Test {
 protected:
  std::future<absl::Status> Wait(int64_t position, const CallContext& context) {
    auto answer = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = answer->get_future();
    position_.Wait(position, context, [answer](absl::Status status) { answer->set_value(status); });
    return future;
  }
  static CallContext Call(absl::Duration timeout = absl::Seconds(20)) {
    return CallContext::WithTimeout(timeout);
  }

  TimerQueue timers_;
  FeedPosition position_{timers_, /*max_waiting=*/2};
};

TEST_F(FeedPositionTest, WakesThoseWhosePositionIsReached) {
  auto near = Wait(3, Call());
  auto far = Wait(5, Call());
  position_.Advance(4);
  EXPECT_TRUE(near.get().ok());
  EXPECT_EQ(far.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  position_.Advance(2);
  EXPECT_EQ(position_.Get(), 4) << "it never goes back";
  position_.Advance(5);
  EXPECT_TRUE(far.get().ok());
  EXPECT_TRUE(Wait(5, Call()).get().ok());
}

TEST_F(FeedPositionTest, EndsAtTheDeadlineAndWhenTheCallerIsGone) {
  EXPECT_EQ(DetailsOf(Wait(1, Call(absl::Milliseconds(5))).get()).reason, "INDEX_BEHIND");
  const CallContext context = Call();
  auto waiting = Wait(1, context);
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(waiting.get()));
  EXPECT_TRUE(absl::IsCancelled(Wait(1, context).get())) << "it was gone before";
}

TEST_F(FeedPositionTest, NoMoreThanSoManyWait) {
  auto one = Wait(1, Call());
  auto two = Wait(1, Call());
  EXPECT_TRUE(absl::IsResourceExhausted(Wait(1, Call()).get()));
  position_.Advance(1);
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(two.get().ok());
  EXPECT_TRUE(Wait(1, Call()).get().ok());
}

}  // namespace
}  // namespace stockroom::api
