// Two copies of every original, and what happens when one of them is away, late, or wrong.
#include "tests/unit/fileserver/mirror_world.h"

#include "services/fileserver/care/scrubber.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    const absl::Status opened = world_.Open();
    EXPECT_TRUE(opened.ok()) << opened;
  }
  // Both copies are known to be alike.
  void Compare() {
    const absl::Status compared = world_.mirror().Compare();
    ASSERT_TRUE(compared.ok()) << compared;
    world_.SettleAll();
  }

  MirrorWorld world_;
};

TEST_F(MirrorTest, AcknowledgesWhatTheLocalDiskHasAndBringsItToS3) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  EXPECT_EQ(world_.GetLocal("bytes").value_or("none"), "bytes");
  EXPECT_FALSE(world_.s3.Has(MirrorWorld::KeyOf("bytes")));
  EXPECT_EQ(world_.backlog().depth(), 1);
  world_.Settle();
  EXPECT_EQ(world_.GetRemote("bytes").value_or("none"), "bytes");
  EXPECT_EQ(world_.backlog().depth(), 0);
  EXPECT_EQ(world_.Counted("stockroom_fileserver_mirror_copied_total", {{"to", "s3"}}), 1);
}

TEST_F(MirrorTest, KeepsServingAndStoringWhileS3IsAway) {
  ASSERT_TRUE(world_.Put("before").ok());
  world_.Settle();
  world_.S3Away(true);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world_.Put("blob " + std::to_string(i)).ok());
  world_.Settle();
  EXPECT_EQ(world_.Get("before").value_or("none"), "before");
  EXPECT_EQ(world_.Get("blob 7").value_or("none"), "blob 7");
  EXPECT_TRUE(world_.mirror().CheckWritable().ok());
  EXPECT_TRUE(world_.backlog().away());
  EXPECT_EQ(world_.backlog().depth(), 20);
  world_.S3Away(false);
  world_.SettleAll();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(world_.s3.Has(MirrorWorld::KeyOf("blob " + std::to_string(i)))) << i;
  }
}

TEST_F(MirrorTest, RemembersAcrossPowerCutsWhatS3Lacks) {
  world_.S3Away(true);
  ASSERT_TRUE(world_.Put("bytes").ok());
  for (const Survives survives : {Survives::kOnlySynced, Survives::kNamesAndTornBytes}) {
    const absl::Status opened = world_.PowerCut(survives);
    // No S3, no check of its bucket; that is no reason not to start.
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_EQ(world_.backlog().depth(), 1);
  }
  world_.S3Away(false);
  world_.SettleAll();
  EXPECT_EQ(world_.GetRemote("bytes").value_or("none"), "bytes");
}

// Before every single file operation of two uploads: what was acknowledged comes to S3 without
// anybody comparing both as a whole.
TEST_F(MirrorTest, LosesNoAcknowledgedOriginalWhereverThePowerFails) {
  const std::vector<std::string> blobs = {"one", std::string(200'000, '2'), "one", "three"};
  const int64_t begin = world_.env.calls();
  for (const std::string& blob : blobs) ASSERT_TRUE(world_.Put(blob).ok());
  const int64_t operations = world_.env.calls() - begin;
  for (const Survives survives : {Survives::kOnlySynced, Survives::kNamesAndTornBytes}) {
    for (int64_t cut = 0; cut <= operations; ++cut) {
      SCOPED_TRACE("power fails before operation " + std::to_string(cut));
      MirrorWorld world;
      ASSERT_TRUE(world.Open().ok());
      world.env.CutPowerBefore(world.env.calls() + cut);
      std::vector<std::string> acknowledged;
      for (const std::string& blob : blobs) {
        if (world.Put(blob).ok()) acknowledged.push_back(blob);
      }
      ASSERT_TRUE(world.PowerCut(survives).ok());
      world.SettleAll();
      for (const std::string& blob : acknowledged) {
        EXPECT_EQ(world.GetLocal(blob).value_or("none"), blob);
        EXPECT_EQ(world.GetRemote(blob).value_or("none"), blob);
      }
    }
  }
}

// One disk, one word on whether its directories can be synced, whoever noticed.
TEST_F(MirrorTest, AcknowledgesNothingAfterADirectoryOfTheBacklogCouldNotBeSynced) {
  ASSERT_TRUE(world_.Put("before").ok());
  world_.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != MemoryEnv::Op::kSyncDirectory || call.path != "/data/mirror") {
      return std::nullopt;
    }
    return MemoryEnv::Fault{.error = DirectorySyncFailed(EIO, call.path),
                            .short_write = std::nullopt};
  });
  EXPECT_EQ(DetailsOf(world_.Put("refused").status()).reason, kSyncFailed);
  world_.env.SetFaults(nullptr);
  EXPECT_EQ(DetailsOf(world_.Put("also refused").status()).reason, kSyncFailed);
  EXPECT_EQ(DetailsOf(world_.mirror().CheckWritable()).reason, kSyncFailed);
  EXPECT_EQ(world_.Get("before").value_or("lost"), "before");
  ASSERT_TRUE(world_.PowerCut(MemoryEnv::Survives::kOnlySynced).ok());
  EXPECT_TRUE(world_.Put("refused").ok());
}

TEST_F(MirrorTest, WaitsForBothIfToldTo) {
  world_.store.options().mirror.wait = true;
  world_.store.options().mirror.wait_timeout = absl::ZeroDuration();
  ASSERT_TRUE(world_.Open().ok());
  const absl::Status late = world_.Put("bytes").status();
  EXPECT_TRUE(absl::IsUnavailable(late)) << late;
  EXPECT_EQ(DetailsOf(late).reason, "MIRROR_WAITS");
  world_.Settle();
  EXPECT_TRUE(world_.s3.Has(MirrorWorld::KeyOf("bytes")));
  // While S3 is known to be away nobody sends bytes in vain, and health says so.
  world_.S3Away(true);
  EXPECT_FALSE(world_.Put("more").ok());
  world_.Settle();
  EXPECT_TRUE(absl::IsUnavailable(world_.mirror().CreateBlob().status()));
  EXPECT_FALSE(world_.mirror().CheckWritable().ok());
}

TEST_F(MirrorTest, ReadsInS3WhatIsDamagedHereAndHealsIt) {
  const std::string bytes(500'000, 'b');
  ASSERT_TRUE(world_.Put(bytes).ok());
  world_.Settle();
  world_.DamageLocal(bytes);
  ASSERT_TRUE(absl::IsDataLoss(world_.GetLocal(bytes).status()));
  EXPECT_TRUE(world_.Get(bytes).value_or("none") == bytes);
  EXPECT_EQ(world_.Counted("stockroom_fileserver_mirror_fallback_reads_total"), 1);
  world_.Settle();
  EXPECT_TRUE(world_.GetLocal(bytes).value_or("none") == bytes);
  EXPECT_EQ(world_.Counted("stockroom_fileserver_mirror_copied_total", {{"to", "local"}}), 1);
}

TEST_F(MirrorTest, ReadsInS3WhatIsMissingOrUnreadableHere) {
  ASSERT_TRUE(world_.Put("missing").ok());
  ASSERT_TRUE(world_.Put("unreadable").ok());
  world_.Settle();
  ASSERT_TRUE(world_.env.Unlink(MirrorWorld::PathOf("missing")).ok());
  EXPECT_EQ(world_.Get("missing").value_or("none"), "missing");
  world_.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != MemoryEnv::Op::kReadAt) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::UnavailableError("EIO"), .short_write = {}};
  });
  EXPECT_EQ(world_.Get("unreadable").value_or("none"), "unreadable");
  world_.env.SetFaults(nullptr);
  world_.SettleAll();
  EXPECT_EQ(world_.GetLocal("missing").value_or("none"), "missing");
}

TEST_F(MirrorTest, SaysThatNothingIsThereOnlyIfNeitherHasIt) {
  EXPECT_TRUE(absl::IsNotFound(world_.Get("never put").status()));
  EXPECT_TRUE(absl::IsNotFound(world_.mirror().TouchBlob(Digest::Of("never put"))));
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  ASSERT_TRUE(world_.env.Unlink(MirrorWorld::PathOf("bytes")).ok());
  world_.S3Away(true);
  EXPECT_TRUE(absl::IsUnavailable(world_.Get("bytes").status()));
  world_.S3Away(false);
  EXPECT_TRUE(world_.mirror().TouchBlob(Digest::Of("bytes")).ok());
  EXPECT_EQ(world_.GetLocal("bytes").value_or("none"), "bytes");
}

TEST_F(MirrorTest, DeletesInS3WhatWasCollectedHere) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.Advance(absl::Hours(48));
  world_.S3Away(true);
  EXPECT_TRUE(world_.Collect("bytes").value_or(false));
  world_.Settle();
  EXPECT_TRUE(absl::IsNotFound(world_.Get("bytes").status())) << "although S3 does not answer";
  // And a crash does not bring it back.
  ASSERT_TRUE(world_.PowerCut(Survives::kOnlySynced).ok());
  world_.S3Away(false);
  EXPECT_TRUE(absl::IsNotFound(world_.Get("bytes").status()));
  Compare();
  EXPECT_FALSE(world_.s3.Has(MirrorWorld::KeyOf("bytes")));
  EXPECT_TRUE(absl::IsNotFound(world_.Get("bytes").status()));
}

TEST_F(MirrorTest, DeletesNothingInS3ThatWasStoredAgainMeanwhile) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.Advance(absl::Hours(48));
  world_.S3Away(true);
  ASSERT_TRUE(world_.Collect("bytes").value_or(false));
  ASSERT_TRUE(world_.Put("bytes").ok());
  // The new local copy is lost before anybody came to looking at the old note.
  const std::string path = MirrorWorld::PathOf("bytes");
  ASSERT_TRUE(world_.env.Unlink(path).ok());
  ASSERT_TRUE(world_.env.SyncDirectory(path.substr(0, path.rfind('/'))).ok());
  ASSERT_TRUE(world_.PowerCut(Survives::kOnlySynced).ok());
  world_.S3Away(false);
  world_.SettleAll();
  EXPECT_EQ(world_.GetRemote("bytes").value_or("lost"), "bytes");
  EXPECT_EQ(world_.GetLocal("bytes").value_or("lost"), "bytes");
}

TEST_F(MirrorTest, DeletesNothingInS3ThatIsMissingHereForAnotherReason) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.Advance(absl::Hours(48));
  const std::string stamp = world_.StampOf("bytes");
  ASSERT_TRUE(world_.env.Unlink(MirrorWorld::PathOf("bytes")).ok());
  EXPECT_FALSE(world_.mirror().DeleteBlobIfUntouched(Digest::Of("bytes"), stamp).value_or(true));
  world_.SettleAll();
  EXPECT_EQ(world_.Get("bytes").value_or("lost"), "bytes");
}

TEST_F(MirrorTest, ForgetsADeletionThatWasRefusedOrCutShort) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.Advance(absl::Hours(48));
  const std::string stamp = world_.StampOf("bytes");
  ASSERT_TRUE(world_.mirror().TouchBlob(Digest::Of("bytes")).ok());
  EXPECT_FALSE(world_.mirror().DeleteBlobIfUntouched(Digest::Of("bytes"), stamp).value_or(true));
  EXPECT_FALSE(world_.backlog().IsGone(Digest::Of("bytes")));
  world_.SettleAll();
  // The power fails right after the note.
  ASSERT_TRUE(world_.backlog().WillDelete(Digest::Of("bytes")).ok());
  ASSERT_TRUE(world_.PowerCut(Survives::kOnlySynced).ok());
  ASSERT_TRUE(world_.env.Unlink(MirrorWorld::PathOf("bytes")).ok());
  world_.SettleAll();
  EXPECT_EQ(world_.Get("bytes").value_or("lost"), "bytes");
}

TEST_F(MirrorTest, BringsATouchToS3) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.Advance(absl::Hours(48));
  ASSERT_TRUE(world_.Put("bytes")->existed);
  world_.Settle();
  const absl::StatusOr<BlobPage> page = world_.store.s3().ListBlobs(
      {.untouched_for = absl::Hours(24), .cursor = Digest::Of("bytes").hex().substr(0, 2)});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->blobs.empty()) << "who goes on with S3 alone must not collect it";
}

TEST_F(MirrorTest, RebuildsALostDiskFromS3) {
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(world_.Put("blob " + std::to_string(i)).ok());
  Compare();
  world_.Close();
  MirrorWorld fresh;  // another disk
  MirroredStore rebuilt(fresh.env, world_.s3, world_.store.options());
  ASSERT_TRUE(rebuilt.Open().ok());
  EXPECT_FALSE(rebuilt.mirror().backlog().compared());
  EXPECT_TRUE(rebuilt.mirror().OpenBlob(Digest::Of("blob 3")).ok()) << "at once, in S3";
  ASSERT_TRUE(rebuilt.mirror().Compare().ok());
  EXPECT_TRUE(rebuilt.mirror().backlog().compared());
  while (rebuilt.mirror().Work()) {
  }
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(rebuilt.disk().OpenBlob(Digest::Of("blob " + std::to_string(i))).ok()) << i;
  }
}

TEST_F(MirrorTest, FillsANewBucketFromTheDisk) {
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(world_.Put("blob " + std::to_string(i)).ok());
  Compare();
  for (const std::string& key : world_.s3.Keys()) world_.s3.Remove(key);
  ASSERT_TRUE(world_.Open().ok());
  EXPECT_TRUE(world_.backlog().compared());
  world_.store.options().mirror.backlog.remote = "another bucket";
  ASSERT_TRUE(world_.Open().ok());
  EXPECT_FALSE(world_.backlog().compared());
  Compare();
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(world_.s3.Has(MirrorWorld::KeyOf("blob " + std::to_string(i)))) << i;
  }
}

TEST_F(MirrorTest, ComparesAsAWholeOnceTheBacklogIsFull) {
  world_.store.options().mirror.backlog.max_entries = 4;
  ASSERT_TRUE(world_.Open().ok());
  Compare();
  ASSERT_TRUE(world_.backlog().compared());
  world_.S3Away(true);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(world_.Put("blob " + std::to_string(i)).ok()) << i;
  EXPECT_EQ(world_.backlog().depth(), 4);
  EXPECT_FALSE(world_.backlog().compared());
  // What could not be noted as deleted is not deleted.
  world_.Advance(absl::Hours(48));
  EXPECT_TRUE(absl::IsResourceExhausted(world_.Collect("blob 9").status()) ||
              absl::IsResourceExhausted(world_.Collect("blob 8").status()));
  ASSERT_TRUE(world_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_FALSE(world_.backlog().compared());
  world_.S3Away(false);
  Compare();
  EXPECT_TRUE(world_.backlog().compared());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(world_.s3.Has(MirrorWorld::KeyOf("blob " + std::to_string(i)))) << i;
  }
}

TEST_F(MirrorTest, ScrubHealsFromS3WhatRotted) {
  const std::string bytes(300'000, 's');
  ASSERT_TRUE(world_.Put(bytes).ok());
  ASSERT_TRUE(world_.Put("S3 lacks this").ok());
  world_.Settle();
  world_.s3.Remove(MirrorWorld::KeyOf("S3 lacks this"));
  world_.DamageLocal(bytes);
  world_.DamageLocal("S3 lacks this");
  Scrubber scrubber({.period = absl::Hours(1),
                     .bytes_per_second = 0,
                     .clock = &world_.clock,
                     .sleep =
                         [this](absl::Duration pause) {
                           world_.Advance(pause);
                           return true;
                         }},
                    world_.store.disk(), world_.mirror(), world_.metrics);
  ASSERT_TRUE(scrubber.StartNow(0).ok());
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_TRUE(world_.GetLocal(bytes).value_or("none") == bytes);
  EXPECT_TRUE(absl::IsNotFound(world_.Get("S3 lacks this").status()));
  const absl::StatusOr<QuarantinedPage> page = world_.mirror().ListQuarantined("", 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->blobs.size(), 2u);
  for (const QuarantinedBlob& blob : page->blobs) {
    EXPECT_EQ(blob.healed, blob.sha256 == Digest::Of(bytes));
  }
}

TEST_F(MirrorTest, BringsBackWhatWasQuarantinedWhileS3WasAway) {
  ASSERT_TRUE(world_.Put("bytes").ok());
  world_.Settle();
  world_.DamageLocal("bytes");
  world_.S3Away(true);
  const std::string stamp = world_.mirror().StampBlob(Digest::Of("bytes")).value();
  EXPECT_TRUE(
      world_.mirror().QuarantineBlob(Digest::Of("bytes"), stamp, "payload").value_or(false));
  ASSERT_TRUE(world_.PowerCut(Survives::kOnlySynced).ok());
  world_.S3Away(false);
  world_.SettleAll();
  EXPECT_EQ(world_.GetLocal("bytes").value_or("none"), "bytes");
}

TEST_F(MirrorTest, NeverBringsDamageToS3) {
  const std::string bytes(200'000, 'd');
  ASSERT_TRUE(world_.Put(bytes).ok());
  world_.DamageLocal(bytes);
  for (int i = 0; i < 5; ++i) {
    world_.Settle();
    world_.Advance(absl::Hours(1));
  }
  EXPECT_FALSE(world_.s3.Has(MirrorWorld::KeyOf(bytes)));
  EXPECT_EQ(world_.backlog().depth(), 1);
  EXPECT_GT(world_.Counted("stockroom_fileserver_mirror_failures_total"), 0);
}

}  // namespace
}  // namespace stockroom::fileserver
