#include "services/api/domain/screening.h"

#include <gtest/gtest.h>

#include "services/api/jobs/dispatcher.h"
#include "services/api/workers/memory_worker_pool.h"
#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"
#include "tests/unit/moderation/stage.h"

namespace stockroom::api {
namespace {

using Verdict = ModeratorAnswer::Verdict;

class ScreeningTest : public Backstage {
 protected:
  void TearDown() override {
    if (dispatcher_) dispatcher_->Drain(absl::ZeroDuration());
    store_->SetCommitListener([] {});
  }
  // A dispatcher whose results pass a screening.
  void Run(FakeModerator::Reply reply, Screening::Options options = {}) {
    if (reply) moderator_ = std::make_unique<FakeModerator>(std::move(reply));
    screening_ =
        std::make_unique<Screening>(options, list_, moderator_.get(), *store_, blobs_, metrics_);
    dispatcher_ = std::make_unique<JobDispatcher>(
        JobDispatcher::Options{
            .holder = "test", .poll = absl::Milliseconds(20), .screening = screening_.get()},
        *store_, pool_, executor_, timers_, Clock::Real(), metrics_);
    store_->SetCommitListener([this] { dispatcher_->Poke(); });
    dispatcher_->Start();
  }
  // Uploads, and has a worker answer.
  std::string Process(const std::string& content, const std::string& pdq = "") {
    const std::string id = Upload(Png(content))->image.id;
    Reprocess(id, pdq);
    return id;
  }
  void Reprocess(const std::string& id, const std::string& pdq) {
    pool_.GiveCredits(1);
    EXPECT_EQ(pool_.AwaitJob().image_id, id);
    ProcessingResult result{.facts = {.width = 5, .height = 4}};
    if (!pdq.empty()) result.analysis["pdq"] = pdq;
    pool_.Finish(id, {.kind = WorkOutcome::Kind::kDone, .result = std::move(result)});
  }
  void AwaitTrue(const std::function<bool()>& holds) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (!holds()) {
      ASSERT_LT(absl::Now(), end);
      std::this_thread::yield();
    }
  }
  Image Await(const std::string& id, ImageState state) {
    AwaitTrue([&] { return store_->GetImage(id)->state == state; });
    return *store_->GetImage(id);
  }
  void Block(const std::string& hash) {
    ASSERT_TRUE(store_->moderation().AddHashes(std::vector{Blocked(hash)}, 100).ok());
  }

  BlockList list_{{}, store_->moderation(), metrics_};
  std::unique_ptr<FakeModerator> moderator_;
  MemoryWorkerPool pool_;
  std::unique_ptr<Screening> screening_;
  std::unique_ptr<JobDispatcher> dispatcher_;
};

TEST_F(ScreeningTest, WhatMatchesTheListIsFlaggedAndNotShownFirst) {
  Block(HashOf("00"));
  Run(nullptr);
  const Image flagged = Await(Process("a", PdqJson(HashOf("01"))), ImageState::kFlagged);
  EXPECT_EQ(flagged.facts.width, 5);
  Await(Process("b", PdqJson(HashOf("ffffffffffffffffffff"))), ImageState::kReady);
  for (const Event& event : *store_->ReadEvents(0, 100)) {
    EXPECT_FALSE(event.image_id == flagged.id && event.type == kImageReady);
  }
}

TEST_F(ScreeningTest, AHashThatAnotherApiAddedMeanwhileIsNotMissed) {
  Run(nullptr);
  Await(Process("a"), ImageState::kReady);  // the list is loaded by now
  Block(HashOf("00"));                      // past this api's copy
  Await(Process("b", PdqJson(HashOf("00"))), ImageState::kFlagged);
}

TEST_F(ScreeningTest, TheModeratorsVerdictIsWhatBecomesOfTheImage) {
  Run([](const ModeratorQuestion& question) -> absl::StatusOr<ModeratorAnswer> {
    const std::string& name = question.image.filename;
    if (name == "good") return ModeratorAnswer{.reason = {}, .labels = {}};
    return ModeratorAnswer{.verdict = name == "bad" ? Verdict::kReject : Verdict::kFlag,
                           .reason = "I do not like " + name,
                           .labels = {"taste"}};
  });
  const auto process = [&](const std::string& name) {
    const std::string id = Upload(Png(name), {.filename = name})->image.id;
    Reprocess(id, PdqJson(HashOf("0")));
    return id;
  };
  Await(process("good"), ImageState::kReady);
  EXPECT_EQ(Await(process("odd"), ImageState::kFlagged).failure_reason, "I do not like odd");
  const Image bad = Await(process("bad"), ImageState::kRejected);
  const Decision decision = store_->moderation().ListDecisions(bad.id, "", 1)->at(0);
  EXPECT_EQ(decision.by, DecidedBy::kModerator);
  EXPECT_EQ(decision.labels, std::vector<std::string>{"taste"});
  const ModeratorQuestion asked = moderator_->questions().back();
  EXPECT_EQ(asked.image.facts.width, 5);
  EXPECT_EQ(asked.image.analysis.at("pdq"), PdqJson(HashOf("0")));
  EXPECT_FALSE(asked.request_id.empty());
}

TEST_F(ScreeningTest, NobodyIsAskedAboutWhatTheListHas) {
  Block(HashOf("00"));
  Run([](const ModeratorQuestion&) { return ModeratorAnswer(); });
  Await(Process("warm"), ImageState::kReady);
  Await(Process("a", PdqJson(HashOf("00"))), ImageState::kFlagged);
  EXPECT_EQ(moderator_->questions().size(), 1u);
}

TEST_F(ScreeningTest, NobodyIsAskedAboutWhatIsVisibleOrApproved) {
  Run([](const ModeratorQuestion&) {
    return ModeratorAnswer{.verdict = Verdict::kFlag, .reason = {}, .labels = {}};
  });
  const std::string id = Process("a");
  Await(id, ImageState::kFlagged);
  ASSERT_TRUE(store_->moderation()
                  .Decide(id, {.who = "mod", .to = ImageState::kReady, .reason = {}}, absl::Now(),
                          std::nullopt)
                  .ok());
  ASSERT_EQ(*store_->EnqueueJobs(std::vector{id}, {.request_id = {}}, absl::Now()), 1);
  const int64_t before = store_->GetImage(id)->revision;
  Reprocess(id, "");
  AwaitTrue([&] { return store_->GetImage(id)->revision > before; });
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kReady);
  EXPECT_EQ(moderator_->questions().size(), 1u);
}

TEST_F(ScreeningTest, ThePolicySaysWhatHappensWithoutAnAnswer) {
  const auto dead = [](const ModeratorQuestion&) -> absl::StatusOr<ModeratorAnswer> {
    return absl::UnavailableError("dead");
  };
  Run(dead, {.policy = ModeratorPolicy::kFlag});
  const Image flagged = Await(Process("a"), ImageState::kFlagged);
  EXPECT_EQ(store_->moderation().ListDecisions(flagged.id, "", 1)->at(0).by, DecidedBy::kPolicy);
}

TEST_F(ScreeningTest, AllowingWithoutAnAnswerIsAPolicyToo) {
  Run(
      [](const ModeratorQuestion&) -> absl::StatusOr<ModeratorAnswer> {
        return absl::UnavailableError("dead");
      },
      {.policy = ModeratorPolicy::kAllow});
  Await(Process("a"), ImageState::kReady);
}

TEST_F(ScreeningTest, AnImageMayWaitForItsModerator) {
  std::atomic<int> asked{0};
  Run(
      [&](const ModeratorQuestion&) -> absl::StatusOr<ModeratorAnswer> {
        if (++asked < 4) return absl::UnavailableError("not yet");
        return ModeratorAnswer();
      },
      {.policy = ModeratorPolicy::kRetry,
       .first_pause = absl::Milliseconds(2),
       .longest_pause = absl::Milliseconds(4)});
  const std::string id = Process("a");
  Await(id, ImageState::kReady);
  EXPECT_EQ(asked, 4);
}

TEST_F(ScreeningTest, WhoStopsGivesWaitingImagesBack) {
  Run(
      [&](const ModeratorQuestion&) -> absl::StatusOr<ModeratorAnswer> {
        return absl::UnavailableError("never");
      },
      {.policy = ModeratorPolicy::kRetry, .first_pause = absl::Hours(1)});
  const std::string id = Process("a");
  AwaitTrue([&] { return !moderator_->questions().empty(); });
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kProcessing) << "nobody sees it";
  dispatcher_->Drain(absl::ZeroDuration());
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kPending);
  EXPECT_EQ(store_->CountJobs(absl::Now(), 10)->waiting, 1);
}

TEST_F(ScreeningTest, NoMoreWorkIsBegunThanCanWait) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future();
  Run(
      [&](const ModeratorQuestion&) -> absl::StatusOr<ModeratorAnswer> {
        gone.wait();
        return ModeratorAnswer();
      },
      {.concurrency = 1});
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Process(std::to_string(i)));
  AwaitTrue([&] { return screening_->saturated(); });
  ids.push_back(Upload(Png("late"))->image.id);
  pool_.GiveCredits(1);
  AwaitTrue([&] { return dispatcher_->counts().waiting == 1; });
  EXPECT_EQ(store_->GetImage(ids.back())->state, ImageState::kPending);
  go.set_value();
  EXPECT_EQ(pool_.AwaitJob().image_id, ids.back());
  pool_.Finish(ids.back(), {.kind = WorkOutcome::Kind::kDone, .result = {}});
  for (const std::string& id : ids) Await(id, ImageState::kReady);
}

}  // namespace
}  // namespace stockroom::api
