// Renditions give way to those that are used, and to blobs.
#include <thread>

#include "services/common/base/status.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

constexpr int64_t kFile = 1000 + 4 + 56;  // payload, one sum, footer

class Eviction : public testing::Test {
 protected:
  Eviction() { EXPECT_TRUE(machine_.Open().ok()); }

  static RenditionAddress Address(int i) {
    return {.original = Digest::Of("original " + std::to_string(i)), .key = std::string(32, 'a')};
  }
  // Stored, and used, an hour after the one before.
  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(machine_.PutRendition(Address(i), std::string(1000, 'r')).ok());
      Use(i);
    }
  }
  void Use(int i) {
    machine_.Advance(absl::Hours(2));
    evictor_->Used(Machine::PathOf(Address(i)));
  }
  void Bound(int64_t max_bytes, int64_t reserve = 0) {
    evictor_ = std::make_unique<RenditionEvictor>(
        machine_.env,
        RenditionEvictor::Options{.directory = "/data/renditions",
                                  .max_bytes = max_bytes,
                                  .reserve_bytes = reserve,
                                  .clock = &machine_.clock},
        metrics_);
  }
  bool Has(int i) { return machine_.env.TouchCount(Machine::PathOf(Address(i))) >= 0; }
  int64_t Gauge(const char* name) {
    return metrics_.GetGauge("stockroom_fileserver_renditions_" + std::string(name), "").value();
  }

  Machine machine_;
  Metrics metrics_;
  std::unique_ptr<RenditionEvictor> evictor_;
};

TEST_F(Eviction, DeletesWhatWasNotUsedForTheLongestTime) {
  Bound(10 * kFile);
  Fill(20);
  Use(3);
  ASSERT_TRUE(evictor_->Sweep().ok());
  EXPECT_TRUE(Has(3)) << "used last";
  for (const int i : {0, 1, 2, 4, 5}) EXPECT_FALSE(Has(i)) << i;
  for (const int i : {17, 18, 19}) EXPECT_TRUE(Has(i)) << i;
  EXPECT_EQ(Gauge("files"), 9) << "nine tenths of the bound";
  EXPECT_EQ(Gauge("bytes"), 9 * kFile);
  EXPECT_EQ(Gauge("max_bytes"), 10 * kFile);
}

TEST_F(Eviction, LeavesWhatFits) {
  Bound(20 * kFile);
  Fill(20);
  ASSERT_TRUE(evictor_->Sweep().ok());
  EXPECT_EQ(Gauge("files"), 20);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Has(i)) << i;
}

TEST_F(Eviction, GivesHalfOfWhatIsFreeToRenditionsUnlessToldOtherwise) {
  Bound(0, 5 * kFile);
  Fill(20);
  // 25 files' worth without renditions and reserve: 12 of them may stay, and 11 do.
  machine_.env.SetFreeBytes(10 * kFile);
  ASSERT_TRUE(evictor_->Sweep().ok());
  EXPECT_EQ(Gauge("max_bytes"), 25 * kFile / 2);
  EXPECT_EQ(Gauge("files"), 11);
}

TEST_F(Eviction, TouchesARenditionOnceAnHourAtMost) {
  Bound(20 * kFile);
  Fill(1);
  const int touches = machine_.env.TouchCount(Machine::PathOf(Address(0)));
  for (int i = 0; i < 100; ++i) evictor_->Used(Machine::PathOf(Address(0)));
  EXPECT_EQ(machine_.env.TouchCount(Machine::PathOf(Address(0))), touches);
}

TEST_F(Eviction, RemovesFoldersThatAreEmpty) {
  Bound(1);
  Fill(3);
  ASSERT_TRUE(evictor_->Sweep().ok());
  ASSERT_TRUE(evictor_->Sweep().ok());
  for (int i = 0; i < 3; ++i) {
    const std::string path = Machine::PathOf(Address(i));
    EXPECT_EQ(machine_.env.TouchCount(path.substr(0, path.rfind('/'))), -1);
  }
  EXPECT_TRUE(machine_.PutRendition(Address(0), "again").ok());
}

TEST_F(Eviction, SaysThatItCouldNotDelete) {
  Bound(1);
  Fill(3);
  machine_.FailNextOf(Op::kUnlink, ErrnoStatus(EROFS, "unlink"));
  EXPECT_FALSE(evictor_->Sweep().ok());
  EXPECT_EQ(Gauge("files"), 1);
  ASSERT_TRUE(evictor_->Sweep().ok());
  EXPECT_EQ(Gauge("files"), 0);
}

class EvictionInTheBackground : public testing::Test {
 protected:
  void Open(int64_t max_bytes) {
    machine_.eviction =
        RenditionEvictor::Options{.max_bytes = max_bytes, .least_pause = absl::ZeroDuration()};
    ASSERT_TRUE(machine_.Open().ok());
    while (Sweeps() < 1) std::this_thread::yield();
  }
  uint64_t Sweeps() {
    return machine_.disk_metrics
        .GetHistogram("stockroom_fileserver_renditions_sweep_seconds", "",
                      Histogram::LatencyBounds())
        .count();
  }
  uint64_t Evicted() {
    return machine_.disk_metrics.GetCounter("stockroom_fileserver_renditions_evicted_total", "")
        .value();
  }
  Machine machine_;
};

TEST_F(EvictionInTheBackground, BeginsWhenTooMuchWasAdded) {
  Open(5 * kFile);
  for (const char key : {'1', '2', '3', '4', '5'}) {
    ASSERT_TRUE(machine_.PutRendition(Machine::Address(key), std::string(1000, 'r')).ok());
  }
  EXPECT_EQ(Evicted(), 0u);
  ASSERT_TRUE(machine_.PutRendition(Machine::Address('6'), std::string(1000, 'r')).ok());
  while (Evicted() < 2) std::this_thread::yield();
}

TEST_F(EvictionInTheBackground, MakesRoomForBlobs) {
  machine_.reserve_bytes = kFile;
  Open(0);
  for (const char key : {'1', '2', '3', '4', '5'}) {
    ASSERT_TRUE(machine_.PutRendition(Machine::Address(key), std::string(1000, 'r')).ok());
  }
  machine_.env.SetFreeBytes(0);
  EXPECT_TRUE(absl::IsResourceExhausted(machine_.Put("blob").status()));
  while (Evicted() < 3) std::this_thread::yield();
}

TEST_F(EvictionInTheBackground, MarksWhatIsReadAsUsed) {
  Open(5 * kFile);
  ASSERT_TRUE(machine_.PutRendition(Machine::Address(), "small").ok());
  ASSERT_TRUE(machine_.GetRendition(Machine::Address()).ok());
  EXPECT_EQ(machine_.env.TouchCount(Machine::PathOf(Machine::Address())), 1);
}

}  // namespace
}  // namespace stockroom::fileserver
