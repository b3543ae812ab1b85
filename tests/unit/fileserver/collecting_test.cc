// Listing, touching and deleting under power cuts, clock jumps and races.
#include <atomic>
#include <thread>

#include "services/common/base/status.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/support/env_decorator.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

class Collecting : public testing::Test {
 protected:
  Collecting() {
    EXPECT_TRUE(machine_.Open().ok());
    EXPECT_TRUE(machine_.Put("bytes").ok());
  }
  absl::StatusOr<bool> Delete(const ListedBlob& blob) {
    return machine_.stores->blobs.DeleteIfUntouched(blob.sha256, blob.stamp);
  }
  ListedBlob TheUntouched() {
    const std::vector<ListedBlob> listed = machine_.Untouched();
    EXPECT_EQ(listed.size(), 1u);
    return listed.empty() ? ListedBlob{} : listed[0];
  }

  Machine machine_;
  const Digest digest_ = Digest::Of("bytes");
};

TEST_F(Collecting, KeepsTheTimeOfANewBlobAcrossAPowerCut) {
  machine_.Advance(absl::Hours(30));
  ASSERT_TRUE(machine_.Put("later").ok());
  ASSERT_TRUE(machine_.PowerCut(Survives::kOnlySynced).ok());
  machine_.Advance(absl::Hours(24));
  EXPECT_EQ(machine_.Untouched().size(), 2u);
  const absl::StatusOr<FileInfo> info = machine_.env.Stat(Machine::PathOf(Digest::Of("later")));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(machine_.clock.Now() - info->modified, absl::Hours(24));
}

// The touch was not synced: the blob looks old, but nobody has been able to commit for it yet.
TEST_F(Collecting, WaitsForAGracePeriodAfterAPowerCutTookATouchBack) {
  machine_.Advance(absl::Hours(48));
  const ListedBlob before = TheUntouched();
  ASSERT_TRUE(machine_.Put("bytes")->existed);
  ASSERT_TRUE(machine_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_FALSE(Delete(before).value_or(true)) << "a stamp of before the power cut";
  machine_.Advance(absl::Hours(23));
  EXPECT_TRUE(machine_.Untouched().empty());
  machine_.Advance(absl::Hours(1));
  EXPECT_TRUE(Delete(TheUntouched()).value_or(false));
}

TEST_F(Collecting, WaitsForAGracePeriodAfterTheClockJumped) {
  for (const absl::Duration jump : {absl::Hours(72), -absl::Hours(72)}) {
    machine_.Advance(absl::Hours(48));
    const ListedBlob before = TheUntouched();
    machine_.clock.Advance(jump);
    EXPECT_TRUE(machine_.Untouched().empty());
    EXPECT_FALSE(Delete(before).value_or(true));
    machine_.Advance(absl::Hours(23));
    EXPECT_TRUE(machine_.Untouched().empty());
    machine_.Advance(absl::Hours(100));
    EXPECT_EQ(machine_.Untouched().size(), 1u);
  }
}

TEST_F(Collecting, NoticesAClockThatWasWrongOnlyWhileABlobWasTouched) {
  machine_.Advance(absl::Hours(48));
  machine_.clock.Advance(-absl::Hours(72));
  ASSERT_TRUE(machine_.Put("touched in the past").ok());
  machine_.clock.Advance(absl::Hours(72));
  EXPECT_TRUE(machine_.Untouched().empty());
}

TEST_F(Collecting, DoesNotKeepABlobThatWasTouchedInTheFutureForEver) {
  machine_.clock.Advance(absl::Hours(24 * 365));
  ASSERT_TRUE(machine_.Put("bytes")->existed);
  machine_.clock.Advance(-absl::Hours(24 * 365));
  machine_.Advance(absl::Hours(25));
  EXPECT_TRUE(machine_.Untouched().empty());
  machine_.Advance(absl::Hours(25));
  EXPECT_TRUE(machine_.Untouched().empty()) << "brought back to now by the first listing in step";
  machine_.Advance(absl::Hours(25));
  EXPECT_EQ(machine_.Untouched().size(), 1u);
}

TEST_F(Collecting, ToleratesSlewingOfTheClock) {
  for (int day = 0; day < 3; ++day) {
    machine_.Advance(absl::Hours(24));
    machine_.clock.Advance(absl::Seconds(43));
  }
  EXPECT_EQ(machine_.Untouched().size(), 1u);
}

TEST_F(Collecting, DeletesForGood) {
  machine_.Advance(absl::Hours(48));
  ASSERT_TRUE(Delete(TheUntouched()).value_or(false));
  ASSERT_TRUE(machine_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_TRUE(absl::IsNotFound(machine_.Get(digest_).status()));
}

TEST_F(Collecting, LeavesNoRenditionBehindWhereverThePowerFails) {
  for (int64_t after = 0; after < 8; ++after) {
    SCOPED_TRACE(after);
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    ASSERT_TRUE(machine.Put("original").ok());
    ASSERT_TRUE(machine.PutRendition(Machine::Address('a'), "small").ok());
    ASSERT_TRUE(machine.PutRendition(Machine::Address('b'), "large").ok());
    machine.Advance(absl::Hours(48));
    const std::vector<ListedBlob> listed = machine.Untouched();
    ASSERT_EQ(listed.size(), 1u);
    machine.env.CutPowerBefore(machine.env.calls() + after);
    (void)machine.stores->blobs.DeleteIfUntouched(listed[0].sha256, listed[0].stamp);
    ASSERT_TRUE(machine.PowerCut(Survives::kNamesAndTornBytes).ok());
    machine.Advance(absl::Hours(48));
    for (const ListedBlob& blob : machine.Untouched()) {
      EXPECT_TRUE(machine.stores->blobs.DeleteIfUntouched(blob.sha256, blob.stamp).ok());
    }
    EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(Digest::Of("original"))), -1);
    for (const char key : {'a', 'b'}) {
      EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(Machine::Address(key))), -1);
    }
  }
}

TEST_F(Collecting, IsNotConfusedByForeignNames) {
  const std::string shard = Machine::ShardOf(digest_);
  const std::string other = digest_.hex().substr(0, 2) == "00" ? "11" : "00";
  ASSERT_TRUE(machine_.env.Create(shard + "/lost+found").ok());
  ASSERT_TRUE(machine_.env.Create(shard + "/" + std::string(64, 'X')).ok());
  ASSERT_TRUE(machine_.env.Create("/data/blobs/" + other + "/" + digest_.hex()).ok());
  ASSERT_TRUE(
      machine_.env.MakeDirectory(shard + "/" + digest_.hex().substr(0, 2) + std::string(62, '0'))
          .ok());
  ASSERT_TRUE(machine_.env.Create("/data/blobs/README").ok());
  machine_.Advance(absl::Hours(48));
  EXPECT_EQ(TheUntouched().sha256, digest_);
  const absl::Status status = Delete({.sha256 = digest_, .stamp = std::string(65, 'x')}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_FALSE(Delete({.sha256 = digest_, .stamp = "x"}).value_or(true));
}

// Runs a hook just before a blob is unlinked, when the decision to delete it has been made.
class UnlinkHook final : public EnvDecorator {
 public:
  UnlinkHook(Env& env, std::function<void(const std::string&)> hook)
      : EnvDecorator(env), hook_(std::move(hook)) {}
  absl::Status Unlink(const std::string& path) override {
    hook_(path);
    return EnvDecorator::Unlink(path);
  }

 private:
  const std::function<void(const std::string&)> hook_;
};

TEST(CollectingRace, KeepsABlobThatIsPutAgainInTheMiddleOfItsDeletion) {
  Machine machine;
  const Digest digest = Digest::Of("bytes");
  std::thread putter;
  Mutex mu;
  CondVar ended;
  bool done = false;
  UnlinkHook env(machine.env, [&](const std::string& path) {
    if (path != Machine::PathOf(digest)) return;
    putter = std::thread([&] {
      EXPECT_TRUE(machine.Put("bytes").ok());
      MutexLock lock(mu);
      done = true;
      ended.NotifyAll();
    });
    // With the lock the upload can not end now; without it, it does so long before this is over.
    MutexLock lock(mu);
    const absl::Time until = absl::Now() + absl::Milliseconds(300);
    while (!done && absl::Now() < until) ended.WaitFor(mu, until - absl::Now());
  });
  machine.outer = &env;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  machine.Advance(absl::Hours(48));
  const std::vector<ListedBlob> listed = machine.Untouched();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_TRUE(machine.stores->blobs.DeleteIfUntouched(digest, listed[0].stamp).value_or(false));
  putter.join();
  EXPECT_EQ(machine.Get(digest).value_or("lost"), "bytes");
}

}  // namespace
}  // namespace stockroom::fileserver
