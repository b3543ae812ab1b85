// Finding what rotted, moving it away, and neither losing nor blaming anything else.
#include <functional>
#include <random>
#include <set>

#include "services/common/base/status.h"
#include "services/fileserver/care/scrub_place.h"
#include "services/fileserver/care/scrubber.h"
#include "tests/support/env_decorator.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

class Scrub : public testing::Test {
 protected:
  Scrub() { EXPECT_TRUE(machine_.Open().ok()); }

  Scrubber::Options Options() {
    // Passes come when they are asked for, and nobody really sleeps.
    return {.period = absl::ZeroDuration(),
            .bytes_per_second = 0,
            .clock = &machine_.clock,
            .sleep = [this](absl::Duration duration) {
              machine_.Advance(duration);
              return true;
            }};
  }
  // One whole pass, now.
  ScrubStatus Pass() { return Pass(Options()); }
  ScrubStatus Pass(const Scrubber::Options& options) {
    Metrics metrics;
    Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
    EXPECT_TRUE(scrubber.StartNow(0).ok());
    EXPECT_TRUE(scrubber.RunDue().ok());
    return scrubber.status();
  }
  Digest Put(const std::string& bytes) {
    const absl::StatusOr<StoredBlob> stored = machine_.Put(bytes);
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored.ok() ? stored->info.sha256 : Digest();
  }
  void Flip(const std::string& path, size_t bit) {
    absl::StatusOr<std::string> content = machine_.env.Content(path);
    ASSERT_TRUE(content.ok()) << content.status();
    ASSERT_LT(bit / 8, content->size());
    (*content)[bit / 8] = static_cast<char>((*content)[bit / 8] ^ (1 << bit % 8));
    machine_.env.Overwrite(path, *std::move(content));
  }
  void FlipLast(const std::string& path) {
    Flip(path, machine_.env.Content(path).value().size() * 8 - 1);
  }
  std::vector<QuarantinedBlob> Quarantined() {
    const absl::StatusOr<QuarantinedPage> page = machine_.disk->ListQuarantined("", 2000);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->blobs : std::vector<QuarantinedBlob>();
  }
  void FailReads(const std::string& path) {
    machine_.env.SetFaults([path](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
      if (call.op != Op::kReadAt || call.path != path) return std::nullopt;
      return MemoryEnv::Fault{.error = absl::UnavailableError("EIO"), .short_write = std::nullopt};
    });
  }

  Machine machine_;
};

TEST_F(Scrub, FindsEachOfAThousandFlippedBitsAndBlamesNobodyElse) {
  constexpr int kDamaged = 1000;
  constexpr int kWhole = 100;
  std::mt19937 random(7);
  std::set<std::string> damaged;
  int renditions = 0;
  for (int i = 0; i < kDamaged + kWhole; ++i) {
    const std::string bytes =
        "blob " + std::to_string(i) + std::string(i % 50 == 0 ? 200'000 : random() % 3000, 'x');
    std::string path;
    if (i % 5 == 4) {
      const RenditionAddress address{.original = Digest::Of(bytes), .key = std::string(32, 'c')};
      ASSERT_TRUE(machine_.PutRendition(address, bytes).ok());
      path = Machine::PathOf(address);
      renditions += i < kDamaged ? 1 : 0;
    } else {
      const Digest digest = Put(bytes);
      path = Machine::PathOf(digest);
      if (i < kDamaged) damaged.insert(digest.hex());
    }
    if (i >= kDamaged) continue;
    const size_t bits = machine_.env.Content(path).value().size() * 8;
    // In the payload, and in what is recorded behind it.
    const size_t payload = bytes.size() * 8;
    Flip(path, i % 2 == 0 ? random() % payload : payload + random() % (bits - payload));
  }
  Scrubber::Options options = Options();
  options.max_damaged = kDamaged;
  const ScrubStatus found = Pass(options);
  EXPECT_EQ(found.last.damaged_blobs, static_cast<int64_t>(damaged.size()));
  EXPECT_EQ(found.last.damaged_renditions, renditions);
  EXPECT_EQ(found.last.blobs, (kDamaged + kWhole) * 4 / 5);
  EXPECT_EQ(found.last.renditions, (kDamaged + kWhole) / 5);
  std::set<std::string> quarantined;
  for (const QuarantinedBlob& blob : Quarantined()) quarantined.insert(blob.sha256.hex());
  EXPECT_EQ(quarantined, damaged);
  // What is left is whole.
  const ScrubStatus again = Pass(options);
  EXPECT_EQ(again.last.damaged_blobs + again.last.damaged_renditions, 0);
  EXPECT_EQ(again.last.blobs, kWhole * 4 / 5);
}

TEST_F(Scrub, ServesNoRotAndIsHealedByTheNextUpload) {
  const Digest digest = Put("original");
  const Digest whole = Put("another");
  Flip(Machine::PathOf(digest), 3);
  EXPECT_EQ(Pass().last.damaged_blobs, 1);
  EXPECT_TRUE(absl::IsNotFound(machine_.Get(digest).status()));
  EXPECT_TRUE(machine_.Get(whole).ok());
  ASSERT_EQ(Quarantined().size(), 1u);
  EXPECT_EQ(Quarantined()[0].why, "payload");
  EXPECT_EQ(Quarantined()[0].size, 8);
  EXPECT_FALSE(Quarantined()[0].healed);

  EXPECT_FALSE(machine_.Put("original")->existed);
  EXPECT_EQ(machine_.Get(digest).value_or("lost"), "original");
  EXPECT_TRUE(Quarantined()[0].healed);
  // It may rot again: neither file takes the other's place.
  FlipLast(Machine::PathOf(digest));
  EXPECT_EQ(Pass().last.damaged_blobs, 1);
  EXPECT_EQ(Quarantined().size(), 2u);
}

TEST_F(Scrub, RemovesADamagedRenditionSoThatItIsMadeAnew) {
  const RenditionAddress address = Machine::Address();
  ASSERT_TRUE(machine_.PutRendition(address, "small").ok());
  ASSERT_TRUE(machine_.PutRendition(Machine::Address('b'), "whole").ok());
  Flip(Machine::PathOf(address), 0);
  const ScrubStatus found = Pass();
  EXPECT_EQ(found.last.damaged_renditions, 1);
  EXPECT_EQ(found.last.renditions, 2);
  EXPECT_TRUE(absl::IsNotFound(machine_.env.Content(Machine::PathOf(address)).status()));
  EXPECT_TRUE(machine_.GetRendition(Machine::Address('b')).ok());
}

// Runs something right before the next rename into the quarantine is decided: at the stat under
// the lock would be too late, so at the second reading of the blob.
class ReadHook final : public EnvDecorator {
 public:
  using EnvDecorator::EnvDecorator;
  absl::StatusOr<std::unique_ptr<File>> OpenToRead(const std::string& path) override {
    if (path == watched && ++opened == 2 && hook) {
      // Opened first: what is read is the damaged file.
      absl::StatusOr<std::unique_ptr<File>> file = EnvDecorator::OpenToRead(path);
      std::exchange(hook, nullptr)();
      return file;
    }
    return EnvDecorator::OpenToRead(path);
  }
  std::string watched;
  int opened = 0;
  std::function<void()> hook;
};

class ScrubRace : public Scrub {
 protected:
  // `meanwhile` happens while the scrub reads the damaged blob for the second time.
  void Race(std::function<void()> meanwhile) {
    env_.opened = 0;
    env_.watched = Machine::PathOf(digest_);
    env_.hook = std::move(meanwhile);
    Flip(env_.watched, 5);
    machine_.outer = &env_;
    ASSERT_TRUE(machine_.Open().ok());
    status_ = Pass();
    EXPECT_EQ(env_.hook, nullptr);
  }
  ReadHook env_{machine_.env};
  const Digest digest_ = Put("bytes");
  ScrubStatus status_;
};

TEST_F(ScrubRace, LeavesAloneWhatAnUploadHasJustReplaced) {
  Race([&] {
    env_.watched.clear();
    machine_.Advance(absl::Seconds(1));
    ASSERT_TRUE(machine_.Put("bytes").ok());
  });
  EXPECT_EQ(machine_.Get(digest_).value_or("lost"), "bytes");
  EXPECT_TRUE(Quarantined().empty());
  EXPECT_EQ(status_.last.damaged_blobs, 0);
  EXPECT_EQ(status_.last.blobs, 1);
}

TEST_F(ScrubRace, PassesOverWhatACollectorHasJustDeleted) {
  Race([&] { ASSERT_TRUE(machine_.env.Unlink(Machine::PathOf(digest_)).ok()); });
  EXPECT_TRUE(Quarantined().empty());
  EXPECT_EQ(status_.last.damaged_blobs, 0);
}

TEST_F(ScrubRace, LooksAgainAtWhatWasTouchedMeanwhile) {
  Race([&] { ASSERT_TRUE(machine_.disk->TouchBlob(digest_).ok()); });
  EXPECT_EQ(Quarantined().size(), 1u);
  EXPECT_EQ(status_.last.damaged_blobs, 1);
}

TEST_F(Scrub, DoesNotTakeAReadErrorForRot) {
  const Digest digest = Put("bytes");
  FailReads(Machine::PathOf(digest));
  ScrubStatus found = Pass();
  EXPECT_EQ(found.last.read_errors, 1);
  EXPECT_EQ(found.last.damaged_blobs, 0);
  EXPECT_TRUE(Quarantined().empty());
  // It was a cable.
  machine_.env.SetFaults(nullptr);
  EXPECT_EQ(Pass().last.read_errors, 0);
  EXPECT_EQ(machine_.Get(digest).value_or("lost"), "bytes");
}

TEST_F(Scrub, MakesRoomForAnUploadWhereTwoPassesCouldNotRead) {
  const Digest digest = Put("bytes");
  FailReads(Machine::PathOf(digest));
  Pass();
  // Also across a restart.
  ASSERT_TRUE(machine_.Open().ok());
  Pass();
  ASSERT_EQ(Quarantined().size(), 1u);
  EXPECT_EQ(Quarantined()[0].why, "unreadable");
  machine_.env.SetFaults(nullptr);
  EXPECT_TRUE(machine_.Put("bytes").ok());
  EXPECT_EQ(machine_.Get(digest).value_or("lost"), "bytes");
}

TEST_F(Scrub, ChecksTheOtherFoldersWhenOneCanNotBeRead) {
  std::vector<Digest> digests;
  for (int i = 0; i < 20; ++i) digests.push_back(Put("blob " + std::to_string(i)));
  const std::string shard = Machine::ShardOf(digests[0]);
  machine_.env.SetFaults([shard](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kList || call.path != shard) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::UnavailableError("EIO"), .short_write = std::nullopt};
  });
  const int in_it = static_cast<int>(std::count_if(
      digests.begin(), digests.end(), [&](auto& d) { return Machine::ShardOf(d) == shard; }));
  const ScrubStatus found = Pass();
  EXPECT_EQ(found.last.read_errors, 1);
  EXPECT_EQ(found.last.blobs, 20 - in_it);
}

TEST_F(Scrub, HaltsBeforeABrokenMachineEmptiesTheStore) {
  std::vector<Digest> digests;
  for (int i = 0; i < 10; ++i) {
    digests.push_back(Put("blob " + std::to_string(i)));
    Flip(Machine::PathOf(digests.back()), 1);
  }
  Scrubber::Options options = Options();
  options.max_damaged = 3;
  const ScrubStatus halted = Pass(options);
  EXPECT_EQ(halted.state, ScrubStatus::State::kHalted);
  EXPECT_EQ(Quarantined().size(), 3u);
  // Not by itself, also after a restart; only when somebody says so.
  ASSERT_TRUE(machine_.Open().ok());
  Metrics metrics;
  options.period = absl::Hours(1);
  Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
  machine_.Advance(absl::Hours(100));
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_EQ(scrubber.status().state, ScrubStatus::State::kHalted);
  EXPECT_EQ(Quarantined().size(), 3u);
  ASSERT_TRUE(scrubber.StartNow(0).ok());
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_EQ(Quarantined().size(), 6u);
}

TEST_F(Scrub, TakesItsWholePeriodForAPassAndBeginsTheNextOneThen) {
  for (int i = 0; i < 100; ++i) Put("blob " + std::to_string(i));
  Scrubber::Options options = Options();
  options.period = absl::Hours(100);
  const absl::Time begin = machine_.clock.Now();
  absl::Duration longest;
  options.sleep = [&](absl::Duration duration) {
    longest = std::max(longest, duration);
    machine_.Advance(duration);
    return true;
  };
  Metrics metrics;
  Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
  ASSERT_TRUE(scrubber.RunDue().ok());
  const absl::Duration took = machine_.clock.Now() - begin;
  EXPECT_GT(took, absl::Hours(90)) << "the last of a hundred digests is near the end";
  EXPECT_LE(took, absl::Hours(100));
  EXPECT_LE(longest, absl::Hours(1)) << "no burst: it waits between blobs";
  EXPECT_EQ(scrubber.status().last.blobs, 100);
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_EQ(scrubber.status().pass, 1) << "the next is not due before the period is over";
  machine_.Advance(absl::Hours(100) - took);
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_EQ(scrubber.status().pass, 2);
}

TEST_F(Scrub, ReadsNoFasterThanItMay) {
  Put(std::string(10'000'000, 'x'));
  const absl::Time begin = machine_.clock.Now();
  Scrubber::Options options = Options();
  options.bytes_per_second = 1'000'000;
  Pass(options);
  EXPECT_GE(machine_.clock.Now() - begin, absl::Seconds(9.9));
  EXPECT_LE(machine_.clock.Now() - begin, absl::Seconds(10.1));
}

TEST_F(Scrub, HoldsBackWhileSomebodyWantsTheDisk) {
  Put(std::string(1'000'000, 'x'));
  const absl::Time begin = machine_.clock.Now();
  Scrubber::Options options = Options();
  options.busy = [] { return true; };
  EXPECT_EQ(Pass(options).last.blobs, 1) << "but not for ever";
  EXPECT_GE(machine_.clock.Now() - begin, absl::Milliseconds(500));
}

TEST_F(Scrub, GoesOnWhereItWasAfterAPowerCut) {
  for (int i = 0; i < 100; ++i) Put("blob " + std::to_string(i));
  Scrubber::Options options = Options();
  options.period = absl::Hours(100);
  const absl::Time half = machine_.clock.Now() + absl::Hours(50);
  options.sleep = [&](absl::Duration duration) {
    if (machine_.clock.Now() > half) return false;
    machine_.Advance(duration);
    return true;
  };
  Metrics metrics;
  int64_t done = 0;
  {
    Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
    ASSERT_TRUE(scrubber.RunDue().ok());
    done = scrubber.status().counts.blobs;
    EXPECT_EQ(scrubber.status().state, ScrubStatus::State::kRunning);
  }
  ASSERT_GT(done, 30);
  ASSERT_LT(done, 70);
  ASSERT_TRUE(machine_.PowerCut(Survives::kOnlySynced).ok());
  const int64_t from = machine_.env.calls();
  options.sleep = [&](absl::Duration duration) {
    machine_.Advance(duration);
    return true;
  };
  Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_EQ(scrubber.status().last.blobs, 100);
  EXPECT_EQ(scrubber.status().pass, 1);
  int opened = 0;
  for (const MemoryEnv::Call& call : machine_.env.history()) {
    if (call.index >= from && call.op == Op::kOpenToRead &&
        call.path.find("/blobs/") != std::string::npos) {
      ++opened;
    }
  }
  EXPECT_EQ(opened, 100 - done);
}

TEST_F(Scrub, BeginsAnewWhereItsPlaceIsDamaged) {
  Put("bytes");
  Pass();
  Flip("/data/scrub", 100);
  EXPECT_EQ(Pass().last.blobs, 1);
}

TEST_F(Scrub, RunsOnlyOncePerTime) {
  Metrics metrics;
  Scrubber::Options options = Options();
  Scrubber* running = nullptr;
  absl::Status second;
  absl::Status third;
  options.bytes_per_second = 1;
  options.sleep = [&](absl::Duration) {
    second = running->RunDue();
    third = running->StartNow(0).status();
    return true;
  };
  Put("bytes");
  Scrubber scrubber(options, *machine_.disk, *machine_.disk, metrics);
  running = &scrubber;
  ASSERT_TRUE(scrubber.StartNow(0).ok());
  EXPECT_TRUE(absl::IsAborted(scrubber.StartNow(0).status())) << "one is wanted already";
  ASSERT_TRUE(scrubber.RunDue().ok());
  EXPECT_TRUE(absl::IsAborted(second));
  EXPECT_EQ(DetailsOf(third).reason, "SCRUB_RUNS");
  EXPECT_TRUE(scrubber.StartNow(0).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(scrubber.StartNow(-1).status()));
}

// The bytes of a blob that is moved are at its old name or in the quarantine, whenever the power
// fails; and no moment makes them whole again in anybody's eyes.
TEST(ScrubPowerCut, LosesNothingBetweenTheTwoNames) {
  for (int64_t cut = 0;; ++cut) {
    SCOPED_TRACE(cut);
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    const Digest digest = machine.Put("bytes")->info.sha256;
    const std::string path = Machine::PathOf(digest);
    std::string content = machine.env.Content(path).value();
    content[0] = 'B';
    machine.env.Overwrite(path, content);
    const std::string stamp = machine.disk->StampBlob(digest).value();
    machine.env.CutPowerBefore(machine.env.calls() + cut);
    const absl::StatusOr<bool> moved = machine.disk->QuarantineBlob(digest, stamp, "payload");
    ASSERT_TRUE(machine.PowerCut(Survives::kOnlySynced).ok());
    const absl::StatusOr<QuarantinedPage> page = machine.disk->ListQuarantined("", 10);
    ASSERT_TRUE(page.ok());
    const bool there = machine.env.Content(path).ok();
    EXPECT_TRUE(there || page->blobs.size() == 1);
    if (moved.ok()) {
      EXPECT_FALSE(there);
      ASSERT_GT(cut, 3);
      break;
    }
  }
}

TEST(ScrubPlace, IsReadAsItWasWrittenAndNeverOtherwise) {
  const ScrubPlace place{.pass = 7,
                         .active = true,
                         .requested = true,
                         .bytes_per_second = 5,
                         .started = absl::FromUnixMillis(1),
                         .cursor = "ab12",
                         .counts = {.blobs = 1, .bytes = 2},
                         .halted_because = "x",
                         .unreadable = {{Digest::Of("a"), 3}}};
  const std::string text = EncodePlace(place);
  const absl::StatusOr<ScrubPlace> read = DecodePlace(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->cursor, "ab12");
  EXPECT_EQ(read->counts, place.counts);
  EXPECT_EQ(read->unreadable, place.unreadable);
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(DecodePlace(damaged).status())) << bit;
  }
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodePlace(text.substr(0, size)).status())) << size;
  }
}

}  // namespace
}  // namespace stockroom::fileserver
