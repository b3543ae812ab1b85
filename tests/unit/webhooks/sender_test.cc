#include "services/api/webhooks/sender.h"

#include <deque>

#include "services/api/domain/standard_webhooks.h"
#include "tests/unit/webhooks/stage.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;

// Keeps requests until the test answers them.
class FakePoster final : public Poster {
 public:
  void Post(PostRequest request, absl::AnyInvocable<void(PostResult)> done) override {
    MutexLock lock(mu_);
    waiting_.emplace_back(std::move(request), std::move(done));
  }
  size_t waiting() {
    MutexLock lock(mu_);
    return waiting_.size();
  }
  // Ends the oldest one.
  PostRequest Answer(PostResult result) {
    std::pair<PostRequest, absl::AnyInvocable<void(PostResult)>> one;
    {
      MutexLock lock(mu_);
      one = std::move(waiting_.front());
      waiting_.pop_front();
    }
    one.second(std::move(result));
    return one.first;
  }

 private:
  Mutex mu_;
  std::deque<std::pair<PostRequest, absl::AnyInvocable<void(PostResult)>>> waiting_
      SR_GUARDED_BY(mu_);
};

class SenderTest : public Stage {
 protected:
  static std::string Body(const WebhookDelivery& delivery, const Image* image) {
    return delivery.type + " " + (image == nullptr ? "gone" : image->described.title);
  }
  WebhookSender::Options Options() {
    return {.concurrency = 2,
            .lease = absl::Seconds(25),
            .retry = RetryPlan::Create({"10s", "20s"}).value(),
            .body = Body};
  }
  // One delivery for each of the images, as the feed's reader would make them.
  void Queue(const std::string& webhook, const std::vector<std::string>& images,
             const std::string& type = kImageReady) {
    std::vector<NewDelivery> made;
    for (const std::string& image : images) {
      made.push_back({.webhook_id = webhook,
                      .event_id = "e-" + image,
                      .type = type,
                      .image_id = image,
                      .owner = "ann",
                      .event_time = clock_.Now()});
    }
    const int64_t from = *hooks_.ReaderPosition();
    ASSERT_TRUE(hooks_.AdvanceReader(from, from + 1, made, 1000, clock_.Now()).ok());
  }
  void SendDue() {
    const auto next = sender_.SendDue();
    ASSERT_TRUE(next.ok()) << next.status();
  }
  PostRequest Answer(PostResult result) {
    PostRequest request = poster_.Answer(std::move(result));
    EXPECT_TRUE(sender_.RecordEnded().ok());
    return request;
  }
  WebhookDelivery Get(const std::string& webhook, const std::string& image) {
    return *hooks_.GetDelivery(webhook, "e-" + image);
  }
  uint64_t Attempts(const std::string& result) {
    return Count("stockroom_webhook_attempts_total", {{"result", result}});
  }

  FakePoster poster_;
  WebhookSender sender_{Options(), *store_, poster_, clock_, metrics_};
};

TEST_F(SenderTest, SendsASignedRequestOnce) {
  const std::string id = Make();
  Upload("a", {.title = "harbour"});
  Queue(id, {"a"});
  SendDue();
  SendDue();
  ASSERT_EQ(poster_.waiting(), 1u);
  const PostRequest request = Answer({.status = 204});
  EXPECT_EQ(request.url, "https://example.org/hook");
  EXPECT_EQ(request.body, "image.ready harbour");
  const Webhook webhook = *hooks_.GetWebhook(id);
  EXPECT_THAT(request.headers,
              ::testing::IsSupersetOf(
                  {std::string("webhook-id: e-a"), std::string("webhook-timestamp: 1700000000"),
                   "webhook-signature: " +
                       StandardSignature(webhook.secret, "e-a", 1'700'000'000, request.body)}));
  EXPECT_EQ(Get(id, "a").state, DeliveryState::kDelivered);
  EXPECT_EQ(Get(id, "a").last_status, 204);
  EXPECT_EQ(Attempts("delivered"), 1u);
  clock_.Advance(absl::Hours(1));
  SendDue();
  EXPECT_EQ(poster_.waiting(), 0u);
}

TEST_F(SenderTest, TriesAgainAsPlannedAndThenGivesUp) {
  const std::string id = Make();
  Queue(id, {"a"});
  SendDue();
  Answer({.status = 500});
  EXPECT_EQ(Get(id, "a").last_error, "HTTP 500");
  clock_.Advance(absl::Seconds(9));
  SendDue();
  EXPECT_EQ(poster_.waiting(), 0u);
  clock_.Advance(absl::Seconds(3));
  SendDue();
  ASSERT_EQ(poster_.waiting(), 1u);
  Answer({.error = "Connection refused"});
  EXPECT_EQ(Get(id, "a").last_error, "Connection refused");
  EXPECT_EQ(Get(id, "a").last_status, 0);
  clock_.Advance(absl::Seconds(25));
  SendDue();
  Answer({.status = 302});
  const WebhookDelivery dead = Get(id, "a");
  EXPECT_EQ(dead.state, DeliveryState::kDead);
  EXPECT_EQ(dead.attempts, 3);
  EXPECT_EQ(dead.last_error, "HTTP 302; redirects are not followed");
  EXPECT_EQ(Attempts("failed"), 2u);
  EXPECT_EQ(Attempts("dead"), 1u);
  // Replayed, it begins anew under the same id.
  ASSERT_TRUE(webhooks_.Replay(id, "", clock_.Now() - absl::Hours(1)).ok());
  SendDue();
  const PostRequest again = Answer({.status = 200});
  EXPECT_EQ(again.headers[1], "webhook-id: e-a");
  EXPECT_EQ(Get(id, "a").state, DeliveryState::kDelivered);
}

TEST_F(SenderTest, ObeysRetryAfter) {
  const std::string id = Make();
  Queue(id, {"a"});
  SendDue();
  Answer({.status = 503, .retry_after = absl::Minutes(10)});
  EXPECT_GE(Get(id, "a").available_time, clock_.Now() + absl::Minutes(10));
}

TEST_F(SenderTest, GoneDisablesTheWebhook) {
  const std::string id = Make();
  Queue(id, {"a", "b", "c"});
  SendDue();
  Answer({.status = 410});
  const Webhook webhook = *hooks_.GetWebhook(id);
  EXPECT_TRUE(webhook.disabled);
  EXPECT_THAT(webhook.disabled_reason, HasSubstr("410"));
  EXPECT_EQ(Get(id, "a").state, DeliveryState::kDead);
  EXPECT_EQ(Get(id, "c").state, DeliveryState::kDead);
  SendDue();
  EXPECT_EQ(poster_.waiting(), 1u) << "the one that was under way";
}

TEST_F(SenderTest, GoneFromAnAddressThatWasReplacedDisablesNothing) {
  const std::string id = Make();
  Queue(id, {"a"});
  SendDue();
  ASSERT_TRUE(
      webhooks_.Update(Root(), id, {.url = "https://example.org/new"}, {WebhookField::kUrl}).ok());
  Answer({.status = 410});
  EXPECT_FALSE(hooks_.GetWebhook(id)->disabled);
}

TEST_F(SenderTest, ASlowReceiverTakesItsOwnPlacesAndNobodyElses) {
  const std::string slow = Make();
  Queue(slow, {"a", "b", "c", "d"});
  SendDue();
  EXPECT_EQ(poster_.waiting(), 2u);
  const std::string other = Make({.url = "https://example.org/other"});
  Queue(other, {"x"});
  SendDue();
  ASSERT_EQ(poster_.waiting(), 3u);
  // The slow one's first two stay; the other's is answered and done.
  poster_.Answer({.status = 200});
  ASSERT_TRUE(sender_.RecordEnded().ok());
  SendDue();
  EXPECT_EQ(poster_.waiting(), 3u) << "the place that became free is taken";
}

TEST_F(SenderTest, WhatALostLeaseBroughtIsNotRecorded) {
  const std::string id = Make();
  Queue(id, {"a"});
  SendDue();
  clock_.Advance(absl::Seconds(26));
  const auto taken_over = *hooks_.LeaseDeliveries(id, 1, clock_.Now(), absl::Seconds(25));
  ASSERT_EQ(taken_over.size(), 1u);
  Answer({.status = 500});
  EXPECT_EQ(Get(id, "a").attempts, 0);
  EXPECT_EQ(Get(id, "a").state, DeliveryState::kPending);
}

TEST_F(SenderTest, AnotherApiTakesOverWhatADeadOneHadLeased) {
  const std::string id = Make();
  Queue(id, {"a"});
  SendDue();
  FakePoster other_poster;
  Metrics metrics;
  WebhookSender other(Options(), *store_, other_poster, clock_, metrics);
  ASSERT_TRUE(other.SendDue().ok());
  EXPECT_EQ(other_poster.waiting(), 0u);
  clock_.Advance(absl::Seconds(25));
  ASSERT_TRUE(other.SendDue().ok());
  EXPECT_EQ(other_poster.waiting(), 1u);
}

TEST_F(SenderTest, TellsNothingOfImagesThatAreGoneOrHidden) {
  const std::string id = Make();
  Upload("open", {.title = "open"});
  Upload("hidden", {.title = "secret", .visibility = Visibility::kPrivate});
  Queue(id, {"hidden"});
  Queue(id, {"open"}, kImageDeleted);
  SendDue();
  EXPECT_EQ(Answer({.status = 200}).body, "image.ready gone");
  EXPECT_EQ(Answer({.status = 200}).body, "image.deleted gone");
}

TEST_F(SenderTest, AnswersMayComeWhenTheSenderIsGone) {
  const std::string id = Make();
  Queue(id, {"a"});
  {
    WebhookSender gone(Options(), *store_, poster_, clock_, metrics_);
    ASSERT_TRUE(gone.SendDue().ok());
  }
  poster_.Answer({.status = 200});
}

TEST_F(SenderTest, StoppingWaitsForWhatIsUnderWayAndRecordsIt) {
  const std::string id = Make();
  Queue(id, {"a"});
  sender_.Start();
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (poster_.waiting() == 0 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(2));
  ASSERT_EQ(poster_.waiting(), 1u);
  std::thread answer([&] { poster_.Answer({.status = 200}); });
  sender_.Stop(absl::Seconds(30));
  answer.join();
  EXPECT_EQ(Get(id, "a").state, DeliveryState::kDelivered);
}

}  // namespace
}  // namespace stockroom::api
