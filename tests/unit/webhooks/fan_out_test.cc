#include "services/api/webhooks/fan_out.h"

#include "tests/unit/api/forwarding_store.h"
#include "tests/unit/webhooks/stage.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FanOutTest : public Stage {
 protected:
  void Step(WebhookFanOut& fan_out) {
    for (;;) {
      const absl::StatusOr<bool> more = fan_out.StepOnce();
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
  }
  WebhookFanOut::Options Holder(const std::string& name) {
    return {.holder = name, .max_pending = 5, .batch = 2, .wake = [this] { ++woken_; }};
  }

  WebhookFanOut fan_out_{Holder("api-1"), *store_, clock_, metrics_};
};

TEST_F(FanOutTest, GivesEachWebhookWhatIsForItFromItsMakingOn) {
  Upload("before");
  const std::string all = Make();
  const std::string sea = Make({.types = {kImageCreated}, .filter = {.tags = {"sea"}}});
  Upload("a", {.tags = {"sea", "boats"}});
  Upload("b");
  Delete("b");
  Step(fan_out_);
  EXPECT_THAT(Types(all), ElementsAre("image.created", "image.created", "image.deleted"));
  ASSERT_THAT(Types(sea), ElementsAre("image.created"));
  const WebhookDelivery delivery = Log(sea)[0];
  EXPECT_EQ(delivery.image_id, "a");
  EXPECT_EQ(delivery.owner, "ann");
  EXPECT_EQ(delivery.event_id, store_->ReadEvents(1, 1)->at(0).id);
  EXPECT_GT(woken_, 0);
  // Again, and by another api: nothing is given twice.
  Step(fan_out_);
  clock_.Advance(absl::Minutes(1));
  WebhookFanOut other(Holder("api-2"), *store_, clock_, metrics_);
  Step(other);
  EXPECT_EQ(Log(all).size(), 3u);
}

// Does something between the look for webhooks and the reading of events.
class Meanwhile final : public ForwardingStore {
 public:
  Meanwhile(MetadataStore& inner, std::function<void()> happens)
      : ForwardingStore(inner), happens_(std::move(happens)) {}
  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    if (happens_) std::exchange(happens_, {})();
    return ForwardingStore::ReadEvents(position, limit);
  }

 private:
  std::function<void()> happens_;
};

TEST_F(FanOutTest, AWebhookThatWasMadeBeforeAnEventDoesNotMissIt) {
  Make();
  std::string late;
  Meanwhile store(*store_, [&] {
    late = Make();
    Upload("a");
  });
  WebhookFanOut fan_out(Holder("api-1"), store, clock_, metrics_);
  Step(fan_out);
  EXPECT_EQ(Log(late).size(), 1u);
}

TEST_F(FanOutTest, ReadsNothingWhereThereIsNoWebhook) {
  Upload("a");
  Step(fan_out_);
  EXPECT_EQ(*hooks_.ReaderPosition(), 0);
  EXPECT_TRUE(*store_->TakeLease("webhooks", "somebody", clock_.Now(), absl::Seconds(1)));
}

TEST_F(FanOutTest, OneApiReadsAndAnotherGoesOnWhenItsLeaseIsOver) {
  const std::string id = Make();
  WebhookFanOut other(Holder("api-2"), *store_, clock_, metrics_);
  Upload("a");
  Step(fan_out_);
  Upload("b");
  Step(other);
  EXPECT_EQ(Log(id).size(), 1u);
  clock_.Advance(absl::Seconds(10));
  Step(other);
  EXPECT_EQ(Log(id).size(), 2u);
}

TEST_F(FanOutTest, GoesOnBehindWhatWasForgotten) {
  const std::string id = Make();
  Upload("a");
  Upload("b");
  Upload("c");
  ASSERT_EQ(*store_->TrimEvents(clock_.Now() + absl::Seconds(1), 2), 2);
  Step(fan_out_);
  ASSERT_EQ(Log(id).size(), 1u);
  EXPECT_EQ(Log(id)[0].image_id, "c");
  EXPECT_EQ(Count("stockroom_webhook_feed_trimmed_total"), 1u);
}

TEST_F(FanOutTest, AStepMakesOnlySoManyDeliveriesAndTheNextGoesOn) {
  const std::string a = Make();
  const std::string b = Make();
  WebhookFanOut::Options options = Holder("api-1");
  options.batch = 100;
  options.max_deliveries = 3;
  WebhookFanOut fan_out(options, *store_, clock_, metrics_);
  for (int i = 0; i < 5; ++i) Upload("i" + std::to_string(i));
  ASSERT_TRUE(*fan_out.StepOnce());
  EXPECT_EQ(Log(a).size() + Log(b).size(), 4u);
  Step(fan_out);
  EXPECT_EQ(Log(a).size(), 5u);
  EXPECT_EQ(Log(b).size(), 5u);
}

TEST_F(FanOutTest, WhatHappensWhileAWebhookIsDisabledIsNotForIt) {
  const std::string id = Make();
  ASSERT_TRUE(webhooks_.Update(Root(), id, {.disabled = true}, {WebhookField::kDisabled}).ok());
  Upload("a");
  Step(fan_out_);
  ASSERT_TRUE(webhooks_.Update(Root(), id, {.disabled = false}, {WebhookField::kDisabled}).ok());
  Upload("b");
  Step(fan_out_);
  ASSERT_EQ(Log(id).size(), 1u);
  EXPECT_EQ(Log(id)[0].image_id, "b");
}

TEST_F(FanOutTest, KeepsWhatIsTooMuchAsDead) {
  const std::string id = Make();
  for (int i = 0; i < 7; ++i) Upload("i" + std::to_string(i));
  Step(fan_out_);
  EXPECT_EQ(hooks_.ListDeliveries({.webhook_id = id, .state = DeliveryState::kDead})->size(), 2u);
  EXPECT_EQ(Count("stockroom_webhook_overflow_total"), 2u);
}

TEST_F(FanOutTest, ForgetsTheOldLogButNothingThatIsStillToBeSent) {
  const std::string id = Make();
  Upload("a");
  Step(fan_out_);
  clock_.Advance(absl::Hours(24 * 7) + absl::Seconds(1));
  ASSERT_TRUE(fan_out_.TrimOnce().ok());
  EXPECT_EQ(Log(id).size(), 1u);
  ASSERT_TRUE(webhooks_.Update(Root(), id, {.disabled = true}, {WebhookField::kDisabled}).ok());
  ASSERT_TRUE(fan_out_.TrimOnce().ok());
  EXPECT_THAT(Log(id), IsEmpty());
}

TEST_F(FanOutTest, FollowsCommitsOnItsThread) {
  const std::string id = Make();
  store_->SetCommitListener([&] { fan_out_.Poke(); });
  fan_out_.Start();
  Upload("a");
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (Log(id).empty() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(5));
  fan_out_.Stop();
  store_->SetCommitListener([] {});
  EXPECT_EQ(Log(id).size(), 1u);
}

}  // namespace
}  // namespace stockroom::api
