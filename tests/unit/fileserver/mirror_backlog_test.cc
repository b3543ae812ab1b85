// What is noted about two copies, and when.
#include "services/fileserver/backends/mirror_backlog.h"

#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "services/fileserver/store/memory_env.h"

namespace stockroom::fileserver {
namespace {

const Digest kOne = Digest::Of("one");
const Digest kOther = Digest::Of("other");

class MirrorBacklogTest : public ::testing::Test {
 protected:
  MirrorBacklogTest() { Open(); }
  void Open() {
    backlog_.reset();
    auto opened =
        MirrorBacklog::Open(env_, syncs_,
                            {.directory = "/mirror",
                             .max_entries = max_entries_,
                             .remote = "bucket",
                             .clock = &clock_,
                             .steady = [this] { return clock_.Now() - absl::UnixEpoch(); },
                             .is_here = {}},
                            metrics_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    backlog_ = *std::move(opened);
  }
  void PowerCut() {
    backlog_.reset();
    env_.Restart(MemoryEnv::Survives::kOnlySynced);
    Open();
  }
  // Directories are not synced until MendSyncs, for a reason that says nothing against the disk.
  void FailSyncs() {
    env_.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
      if (call.op != MemoryEnv::Op::kSyncDirectory) return std::nullopt;
      return MemoryEnv::Fault{.error = absl::UnavailableError("too many open files"),
                              .short_write = std::nullopt};
    });
  }
  void MendSyncs() { env_.SetFaults(nullptr); }
  uint64_t Write(const Digest& digest) {
    const absl::StatusOr<uint64_t> ticket = backlog_->WillWrite(digest);
    EXPECT_TRUE(ticket.ok()) << ticket.status();
    EXPECT_TRUE(backlog_->Written(digest, *ticket).ok());
    return *ticket;
  }

  void Delete(const Digest& digest) {
    const absl::StatusOr<MirrorBacklog::Deletion> deletion = backlog_->WillDelete(digest);
    ASSERT_TRUE(deletion.ok()) << deletion.status();
    backlog_->Deleted(digest, *deletion, MirrorBacklog::Outcome::kDeleted);
  }

  int64_t max_entries_ = 10;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryEnv env_;
  Metrics metrics_;
  DirectorySyncs syncs_{env_, metrics_};
  std::unique_ptr<MirrorBacklog> backlog_;
};

TEST_F(MirrorBacklogTest, NobodyLooksAtWhatIsStillBeingWritten) {
  const absl::StatusOr<uint64_t> ticket = backlog_->WillWrite(kOne);
  ASSERT_TRUE(ticket.ok());
  ASSERT_TRUE(backlog_->Look(kOne, false).value_or(false));
  EXPECT_FALSE(backlog_->Take().has_value()) << "it is not there yet, and would be forgotten";
  ASSERT_TRUE(backlog_->Written(kOne, *ticket).ok());
  const auto task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  EXPECT_TRUE(task->look);
  EXPECT_FALSE(backlog_->Take().has_value()) << "one at a time";
}

TEST_F(MirrorBacklogTest, WhatIsWrittenWhileItIsDealtWithIsDealtWithAgain) {
  Write(kOne);
  const auto task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  const uint64_t ticket = Write(kOne);
  backlog_->Finish(*task, absl::OkStatus());
  EXPECT_FALSE(backlog_->WaitUntilDone(kOne, ticket, absl::ZeroDuration()).ok());
  PowerCut();
  const auto again = backlog_->Take();
  ASSERT_TRUE(again.has_value());
  backlog_->Finish(*again, absl::OkStatus());
  EXPECT_EQ(backlog_->depth(), 0);
  EXPECT_TRUE(env_.List("/mirror")->empty());
}

TEST_F(MirrorBacklogTest, AWriteTakesBackThatItIsGone) {
  const auto deletion = backlog_->WillDelete(kOne);
  ASSERT_TRUE(deletion.ok());
  backlog_->Deleted(kOne, *deletion, MirrorBacklog::Outcome::kDeleted);
  EXPECT_TRUE(backlog_->IsGone(kOne));
  Write(kOne);
  EXPECT_FALSE(backlog_->IsGone(kOne));
  PowerCut();
  EXPECT_FALSE(backlog_->IsGone(kOne));
  EXPECT_TRUE(backlog_->Take()->look);
}

// Whoever began to write before the deletion has its bytes stored after it.
TEST_F(MirrorBacklogTest, ADeletionForgetsOnlyWritesThatWereOverBefore) {
  for (const bool over : {true, false}) {
    const absl::StatusOr<uint64_t> ticket = backlog_->WillWrite(kOne);
    ASSERT_TRUE(ticket.ok());
    if (over) {
      ASSERT_TRUE(backlog_->Written(kOne, *ticket).ok());
    }
    const auto deletion = backlog_->WillDelete(kOne);
    ASSERT_TRUE(deletion.ok());
    backlog_->Deleted(kOne, *deletion, MirrorBacklog::Outcome::kDeleted);
    if (!over) {
      ASSERT_TRUE(backlog_->Written(kOne, *ticket).ok());
    }
    EXPECT_EQ(backlog_->IsGone(kOne), over);
    const auto task = backlog_->Take();
    ASSERT_TRUE(task.has_value());
    EXPECT_EQ(task->look, !over);
    backlog_->Finish(*task, absl::OkStatus());
  }
}

TEST_F(MirrorBacklogTest, WaitsLongerAfterEachErrorAndTriesTheOthers) {
  Write(kOne);
  clock_.Advance(absl::Seconds(1));
  Write(Digest::Of("two"));
  auto task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  backlog_->Finish(*task, absl::UnavailableError("away"));
  EXPECT_TRUE(backlog_->away());
  EXPECT_FALSE(backlog_->Take().has_value()) << "not even the other one";
  clock_.Advance(absl::Seconds(1));
  task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(task->digest, Digest::Of("two"));
  backlog_->Finish(*task, absl::OkStatus());
  EXPECT_FALSE(backlog_->away());
  clock_.Advance(absl::Seconds(1));
  task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  backlog_->Finish(*task, absl::DataLossError("this one is damaged"));
  EXPECT_FALSE(backlog_->away()) << "that is no matter of S3";
  Write(Digest::Of("three"));
  EXPECT_EQ(backlog_->Take()->digest, Digest::Of("three"));
}

TEST_F(MirrorBacklogTest, AWriteWithoutRoomUndoesAComparisonThatIsUnderWay) {
  max_entries_ = 1;
  Open();
  Write(kOne);
  const uint64_t begin = backlog_->BeginCompare();
  const absl::StatusOr<uint64_t> ticket = backlog_->WillWrite(Digest::Of("two"));
  ASSERT_TRUE(ticket.ok());
  EXPECT_EQ(*ticket, 0u);
  // It passed "two" by before that got its name.
  const uint64_t later = backlog_->BeginCompare();
  ASSERT_TRUE(backlog_->EndCompare(begin).ok());
  EXPECT_FALSE(backlog_->compared());
  ASSERT_TRUE(backlog_->EndCompare(later).ok());
  EXPECT_TRUE(backlog_->compared());
  ASSERT_TRUE(backlog_->Written(Digest::Of("two"), *ticket).ok());
  EXPECT_FALSE(backlog_->compared());
  PowerCut();
  EXPECT_FALSE(backlog_->compared());
}

TEST_F(MirrorBacklogTest, NobodyReliesOnANoteThatACrashLeftUnsynced) {
  ASSERT_TRUE(env_.Create("/mirror/" + kOne.hex()).ok());
  ASSERT_TRUE(env_.Create("/mirror/" + kOther.hex() + ".gone").ok());
  Open();
  Write(kOne);
  Delete(kOther);
  PowerCut();
  EXPECT_TRUE(backlog_->IsGone(kOther));
  EXPECT_EQ(backlog_->depth(), 2);
}

TEST_F(MirrorBacklogTest, NorOnOneThatSomebodyElseCouldNotSync) {
  FailSyncs();
  EXPECT_FALSE(backlog_->WillWrite(kOne).ok());
  MendSyncs();
  Write(kOne);
  PowerCut();
  EXPECT_EQ(backlog_->depth(), 1);
  FailSyncs();
  EXPECT_FALSE(backlog_->WillDelete(kOther).ok());
  MendSyncs();
  Delete(kOther);
  PowerCut();
  EXPECT_TRUE(backlog_->IsGone(kOther));
}

TEST_F(MirrorBacklogTest, ForgetsAWriteOnlyOnceTheDeletionBeforeItIsForgottenForGood) {
  Delete(kOne);
  Write(kOne);
  const auto task = backlog_->Take();
  ASSERT_TRUE(task.has_value());
  FailSyncs();
  backlog_->Finish(*task, absl::OkStatus());
  EXPECT_FALSE(env_.Stat("/mirror/" + kOne.hex() + ".gone").ok());
  EXPECT_TRUE(env_.Stat("/mirror/" + kOne.hex()).ok());
}

TEST_F(MirrorBacklogTest, HasComparedOnlyOnceAllThatDiffersIsNotedForGood) {
  const uint64_t begin = backlog_->BeginCompare();
  ASSERT_TRUE(backlog_->Look(kOne, false).value_or(false));
  FailSyncs();
  EXPECT_FALSE(backlog_->EndCompare(begin).ok());
  MendSyncs();
  Open();
  EXPECT_FALSE(backlog_->compared());
}

}  // namespace
}  // namespace stockroom::fileserver
