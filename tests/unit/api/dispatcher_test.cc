#include "services/api/jobs/dispatcher.h"

#include <gtest/gtest.h>

#include "services/api/workers/memory_worker_pool.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

class DispatcherTest : public Backstage {
 protected:
  void SetUp() override {
    store_->SetCommitListener([this] { dispatcher_.Poke(); });
    dispatcher_.Start();
  }
  void TearDown() override {
    dispatcher_.Drain(absl::ZeroDuration());
    store_->SetCommitListener([] {});
  }
  std::string Queue(const std::string& content) { return Upload(Png(content))->image.id; }
  Image Await(const std::string& id, ImageState state) {
    const absl::Time end = absl::Now() + absl::Seconds(10);
    for (;;) {
      const Image image = *store_->GetImage(id);
      if (image.state == state || absl::Now() > end) {
        EXPECT_EQ(image.state, state);
        return image;
      }
      std::this_thread::yield();
    }
  }
  void AwaitIdleExecutor() {
    const Metrics::Labels label = {{"executor", "test"}};
    while (metrics_.GetGauge("stockroom_executor_queued", "", label).value() != 0 ||
           metrics_.GetGauge("stockroom_executor_running", "", label).value() != 0) {
      std::this_thread::yield();
    }
  }
  static WorkOutcome Outcome(WorkOutcome::Kind kind) {
    return {.kind = kind, .message = "because"};
  }

  MemoryWorkerPool pool_;
  std::vector<std::string> anew_;
  JobDispatcher dispatcher_{{.holder = "test",
                             .presets = {{"thumb", "fit=1x1/format=jpeg/q=80"}},
                             .ladder = {1440},
                             .watermarks = {{"logo", "its picture"}},
                             .work_plan = "plan-1",
                             .max_pixels = 77,
                             .before_anew =
                                 [this](const Image& image) {
                                   EXPECT_GE(pool_.Credits(), 1) << "before it is sent";
                                   anew_.push_back(image.id);
                                 },
                             .poll = absl::Milliseconds(20),
                             .max_decoder_deaths = 2,
                             .max_worker_losses = 2},
                            *store_,
                            pool_,
                            executor_,
                            timers_,
                            Clock::Real(),
                            metrics_};
};

TEST_F(DispatcherTest, SendsAJobForACreditAndRecordsItsResult) {
  const std::string id = Queue("a");
  while (pool_.demand() == 0) std::this_thread::yield();
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kPending) << "leased without a credit";
  pool_.GiveCredits(1);
  const WorkAssignment work = pool_.AwaitJob();
  EXPECT_EQ(work.image_id, id);
  EXPECT_EQ(work.original, Digest::Of(Png("a")));
  EXPECT_EQ(work.max_pixels, 77);
  EXPECT_EQ(work.presets.size(), 1u);
  EXPECT_EQ(work.ladder, std::vector<int>{1440});
  ASSERT_EQ(work.watermarks.size(), 1u);
  EXPECT_EQ(work.watermarks[0].bytes, "its picture");
  EXPECT_FALSE(work.request_id.empty());
  pool_.Finish(id, {.kind = WorkOutcome::Kind::kDone,
                    .result = {.facts = {.width = 5, .height = 4}, .analysis = {{"facts", "{}"}}}});
  const Image image = Await(id, ImageState::kReady);
  EXPECT_EQ(image.facts.width, 5);
  EXPECT_EQ(image.analysis.at("facts"), "{}");
}

TEST_F(DispatcherTest, WhatWasMadeBeforeIsPurgedBeforeItIsMadeAnew) {
  const std::string id = Queue("a");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kDone));
  Await(id, ImageState::kReady);
  EXPECT_TRUE(anew_.empty()) << "nothing was there";
  ASSERT_TRUE(store_->EnqueueJobs({&id, 1}, {}, absl::Now()).ok());
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  EXPECT_EQ(anew_, std::vector<std::string>{id});
}

TEST_F(DispatcherTest, ABadImageFailsAtOnceWithItsReason) {
  const std::string id = Queue("a");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kBadImage));
  EXPECT_EQ(Await(id, ImageState::kFailed).failure_reason, "because");
}

TEST_F(DispatcherTest, WhatWasNotBegunDoesNotCountAsAnAttempt) {
  const std::string id = Queue("a");
  for (int i = 0; i < 8; ++i) {
    pool_.GiveCredits(1);
    ASSERT_EQ(pool_.AwaitJob().image_id, id);
    pool_.Finish(id, Outcome(WorkOutcome::Kind::kNotBegun));
  }
  pool_.GiveCredits(1);
  ASSERT_EQ(pool_.AwaitJob().image_id, id);
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kDone));
  Await(id, ImageState::kReady);
}

TEST_F(DispatcherTest, AJobWhoseWorkerVanishedGoesToAnotherAtOnceButNotForEver) {
  const std::string id = Queue("a");
  for (int i = 0; i < 2; ++i) {
    pool_.GiveCredits(1);
    ASSERT_EQ(pool_.AwaitJob().image_id, id);
    pool_.Finish(id, Outcome(WorkOutcome::Kind::kWorkerLost));
  }
  const Image image = Await(id, ImageState::kFailed);
  EXPECT_NE(image.failure_reason.find("2 attempts"), std::string::npos) << image.failure_reason;
}

TEST_F(DispatcherTest, AnImageThatKeepsKillingItsDecoderIsGivenUp) {
  const std::string id = Queue("a");
  for (int i = 0; i < 2; ++i) {
    pool_.GiveCredits(1);
    ASSERT_EQ(pool_.AwaitJob().image_id, id);
    pool_.Finish(id, Outcome(WorkOutcome::Kind::kDecoderDied));
  }
  Await(id, ImageState::kFailed);
}

TEST_F(DispatcherTest, AnImageThatIsGivenUpIsQuarantinedAndABadOneIsNot) {
  const std::string deadly = Queue("a");
  for (int i = 0; i < 2; ++i) {
    pool_.GiveCredits(1);
    ASSERT_EQ(pool_.AwaitJob().image_id, deadly);
    pool_.Finish(deadly, Outcome(WorkOutcome::Kind::kDecoderDied));
  }
  const Image image = Await(deadly, ImageState::kFailed);
  EXPECT_TRUE(image.quarantined);
  EXPECT_NE(image.failure_reason.find("because"), std::string::npos);
  const std::string bad = Queue("b");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  pool_.Finish(bad, Outcome(WorkOutcome::Kind::kBadImage));
  EXPECT_FALSE(Await(bad, ImageState::kFailed).quarantined);
}

TEST_F(DispatcherTest, WorkersThatVanishDoNotCountAsDecoderDeaths) {
  const std::string id = Queue("a");
  for (const auto kind : {WorkOutcome::Kind::kWorkerLost, WorkOutcome::Kind::kDecoderDied,
                          WorkOutcome::Kind::kDone}) {
    pool_.GiveCredits(1);
    ASSERT_EQ(pool_.AwaitJob().image_id, id);
    pool_.Finish(id, Outcome(kind));
  }
  EXPECT_EQ(Await(id, ImageState::kReady).work_plan, "plan-1");
}

TEST_F(DispatcherTest, BackgroundWorkLeavesRoomForAPhotographThatSomebodyWaitsFor) {
  std::vector<std::string> old;
  for (int i = 0; i < 5; ++i) {
    old.push_back(Queue("old" + std::to_string(i)));
    pool_.GiveCredits(1);
    pool_.AwaitJob();
    pool_.Finish(old.back(), Outcome(WorkOutcome::Kind::kDone));
    Await(old.back(), ImageState::kReady);
  }
  ASSERT_EQ(*store_->EnqueueJobs(old, {.priority = JobPriority::kBackground}, absl::Now()), 5);
  pool_.GiveCredits(4);
  dispatcher_.Poke();
  for (int i = 0; i < 3; ++i) pool_.AwaitJob();
  const std::string urgent = Queue("new");
  EXPECT_EQ(pool_.AwaitJob().image_id, urgent);
}

TEST_F(DispatcherTest, AResultForADeletedImageChangesNothing) {
  const std::string id = Queue("a");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  ASSERT_TRUE(
      store_->DeleteImage(id, absl::Now(), [](const Image&) { return absl::OkStatus(); }).ok());
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kDone));
  const std::string next = Queue("b");
  pool_.GiveCredits(1);
  EXPECT_EQ(pool_.AwaitJob().image_id, next);
  EXPECT_TRUE(absl::IsNotFound(store_->GetImage(id).status()));
}

// A lease that ran out while the process stood still: the job may come back to the same api.
TEST_F(DispatcherTest, ALateResultDoesNotForgetTheNewRunOfTheSameJob) {
  const std::string id = Queue("a");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  ASSERT_EQ(*store_->ReleaseAllLeases(), 1);
  pool_.GiveCredits(1);
  ASSERT_EQ(pool_.AwaitJob().image_id, id);
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kDone));  // of the first
  AwaitIdleExecutor();
  EXPECT_EQ(dispatcher_.counts().running, 1);
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kProcessing);
  pool_.Finish(id, Outcome(WorkOutcome::Kind::kDone));
  Await(id, ImageState::kReady);
}

TEST_F(DispatcherTest, DrainGivesRunningJobsBack) {
  const std::string id = Queue("a");
  pool_.GiveCredits(1);
  pool_.AwaitJob();
  dispatcher_.Drain(absl::ZeroDuration());
  Await(id, ImageState::kPending);
  EXPECT_EQ(store_->CountJobs(absl::Now(), 1000)->waiting, 1);
}

}  // namespace
}  // namespace stockroom::api
