// Many writers at once: they share syncs, and the power fails whenever it likes.
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "services/common/base/status.h"
#include "tests/support/env_decorator.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

constexpr char kShard[] = "/data/blobs/00";

// Holds every sync of kShard, after it has happened, until it is let go.
class SlowSyncs final : public EnvDecorator {
 public:
  using EnvDecorator::EnvDecorator;

  absl::Status SyncDirectory(const std::string& path) override {
    if (path != kShard) return EnvDecorator::SyncDirectory(path);
    absl::Status result;
    {
      MutexLock lock(mu_);
      result = next_error_;
      next_error_ = absl::OkStatus();
    }
    if (result.ok()) result = EnvDecorator::SyncDirectory(path);
    MutexLock lock(mu_);
    ++begun_;
    changed_.NotifyAll();
    while (allowed_ < begun_) changed_.Wait(mu_);
    return result;
  }
  void AwaitBegun(int count) {
    MutexLock lock(mu_);
    while (begun_ < count) changed_.Wait(mu_);
  }
  // The first `count` syncs may end.
  void Allow(int count) {
    MutexLock lock(mu_);
    allowed_ = count;
    changed_.NotifyAll();
  }
  void FailNext(absl::Status error) {
    MutexLock lock(mu_);
    next_error_ = std::move(error);
  }
  int begun() {
    MutexLock lock(mu_);
    return begun_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int begun_ SR_GUARDED_BY(mu_) = 0;
  int allowed_ SR_GUARDED_BY(mu_) = 0;
  absl::Status next_error_ SR_GUARDED_BY(mu_);
};

// Distinct contents whose digests begin with 00.
std::vector<std::string> BlobsOfOneShard(size_t count) {
  std::vector<std::string> blobs;
  for (int i = 0; blobs.size() < count; ++i) {
    std::string bytes = "bytes " + std::to_string(i);
    if (Digest::Of(bytes).bytes()[0] == '\0') blobs.push_back(std::move(bytes));
  }
  return blobs;
}

class SharedSync : public testing::Test {
 protected:
  SharedSync() {
    machine_.outer = &slow_;
    slow_.Allow(1000);
    EXPECT_TRUE(machine_.Open().ok());
    EXPECT_EQ(waiting_.value(), 0);
    start_ = slow_.begun();
    slow_.Allow(start_);
  }
  ~SharedSync() override {
    slow_.Allow(1000);
    for (std::thread& thread : threads_) thread.join();
  }
  // Puts in a thread of its own; the status goes to results_[blob].
  void StartPut(size_t blob) {
    threads_.emplace_back([this, blob] {
      absl::Status status = machine_.Put(blobs_[blob]).status();
      MutexLock lock(mu_);
      results_[blob] = std::move(status);
      changed_.NotifyAll();
    });
  }
  absl::Status Result(size_t blob) {
    MutexLock lock(mu_);
    while (!results_.contains(blob)) changed_.Wait(mu_);
    return results_[blob];
  }
  bool HasResult(size_t blob) {
    MutexLock lock(mu_);
    return results_.contains(blob);
  }
  // The first writer syncs; `count` others have linked theirs while it did, and wait.
  void LetOthersJoin(size_t count) {
    StartPut(0);
    slow_.AwaitBegun(start_ + 1);
    for (size_t i = 1; i <= count; ++i) StartPut(i);
    while (waiting_.value() < static_cast<int64_t>(1 + count)) std::this_thread::yield();
  }
  void PowerCutAndCheck() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    ASSERT_TRUE(machine_.PowerCut(Survives::kOnlySynced).ok());
    MutexLock lock(mu_);
    for (const auto& [blob, status] : results_) {
      if (!status.ok()) continue;
      EXPECT_EQ(machine_.Get(Digest::Of(blobs_[blob])).value_or("lost"), blobs_[blob]);
    }
  }

  Machine machine_;
  SlowSyncs slow_{machine_.env};
  int start_ = 0;
  const std::vector<std::string> blobs_ = BlobsOfOneShard(5);
  Gauge& waiting_ =
      machine_.disk_metrics.GetGauge("stockroom_fileserver_directory_sync_waiting", "");
  Mutex mu_;
  CondVar changed_;
  std::map<size_t, absl::Status> results_ SR_GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

TEST_F(SharedSync, IsNotOneThatBeganBeforeTheNameWasThere) {
  LetOthersJoin(1);
  // The first one's sync ends; the second one needs another.
  slow_.Allow(start_ + 1);
  EXPECT_TRUE(Result(0).ok());
  while (slow_.begun() < start_ + 2 && !HasResult(1)) std::this_thread::yield();
  EXPECT_FALSE(HasResult(1)) << "answered before its sync has ended";
  slow_.Allow(1000);
  EXPECT_TRUE(Result(1).ok());
  PowerCutAndCheck();
}

TEST_F(SharedSync, ServesAllWhoWaitForIt) {
  LetOthersJoin(4);
  slow_.Allow(1000);
  for (const size_t blob : {0, 1, 2, 3, 4}) EXPECT_TRUE(Result(blob).ok());
  EXPECT_EQ(slow_.begun() - start_, 2);
  PowerCutAndCheck();
}

TEST_F(SharedSync, FailsForEverybodyWhoSharesItAndForNobodyElse) {
  LetOthersJoin(3);
  slow_.FailNext(ErrnoStatus(EIO, "fsync directory"));
  slow_.Allow(1000);
  EXPECT_TRUE(Result(0).ok());
  for (const size_t blob : {1, 2, 3}) EXPECT_TRUE(absl::IsUnavailable(Result(blob)));
  EXPECT_EQ(slow_.begun() - start_, 2) << "an error was tried again";
  StartPut(4);
  EXPECT_TRUE(Result(4).ok());
  PowerCutAndCheck();
}

// Four writers put blobs, some of them the same; everything fails from one operation on.
struct Outcome {
  std::set<std::string> acknowledged;
  int64_t calls = 0;
};

Outcome PutTogether(Machine& machine, uint32_t seed) {
  Mutex mu;
  Outcome outcome;
  std::vector<std::thread> writers;
  for (uint32_t writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      std::mt19937 random(seed * 4 + writer);
      for (int i = 0; i < 5; ++i) {
        // 8 contents of few shards, 1 to 300,000 bytes.
        const uint32_t which = random() % 8;
        const std::string bytes(which % 4 == 0 ? 300'000 : 1 + which,
                                static_cast<char>('a' + which));
        if (!machine.Put(bytes).ok()) continue;
        MutexLock lock(mu);
        outcome.acknowledged.insert(bytes);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  outcome.calls = machine.env.calls();
  return outcome;
}

TEST(GroupCommit, KeepsWhatWasAcknowledgedWheneverThePowerFails) {
  int64_t begin = 0;
  int64_t end = 0;
  {
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    begin = machine.env.calls();
    end = PutTogether(machine, 0).calls;
  }
  ASSERT_GT(end, begin + 100);
  uint32_t seed = 1;
  for (int64_t cut = begin; cut <= end; ++cut, ++seed) {
    SCOPED_TRACE("power fails before operation " + std::to_string(cut) + ", seed " +
                 std::to_string(seed));
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    machine.env.SetFaults([](const MemoryEnv::Call&) -> std::optional<MemoryEnv::Fault> {
      std::this_thread::yield();
      return std::nullopt;
    });
    machine.env.CutPowerBefore(cut);
    const Outcome outcome = PutTogether(machine, seed);
    ASSERT_TRUE(
        machine.PowerCut(seed % 2 ? Survives::kOnlySynced : Survives::kNamesAndTornBytes).ok());
    for (const std::string& bytes : outcome.acknowledged) {
      ASSERT_TRUE(machine.Get(Digest::Of(bytes)).value_or("lost") == bytes) << bytes[0];
    }
    for (uint32_t which = 0; which < 8; ++which) {
      const std::string bytes(which % 4 == 0 ? 300'000 : 1 + which, static_cast<char>('a' + which));
      const absl::StatusOr<std::string> got = machine.Get(Digest::Of(bytes));
      ASSERT_TRUE(got.ok() ? *got == bytes : absl::IsNotFound(got.status())) << got.status();
    }
  }
}

TEST(BlobStore, WritesNothingTwice) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  const int64_t before = machine.env.calls();
  ASSERT_TRUE(machine.Put("bytes")->existed);
  EXPECT_EQ(machine.Count(Op::kSyncData, before), 0);
  EXPECT_EQ(machine.Count(Op::kLink, before), 0);
}

}  // namespace
}  // namespace stockroom::fileserver
