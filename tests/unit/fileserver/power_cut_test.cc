// The power fails before every single file operation, and the disk forgets what was not synced.
#include <cerrno>
#include <string>
#include <vector>

#include "services/common/base/status.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

const std::vector<std::string>& Blobs() {
  static const std::vector<std::string>* const blobs = new std::vector<std::string>{
      "first blob", std::string(300'000, 'x'), "first blob", "another"};
  return *blobs;
}

// Starts and stores everything; stops at the first error. Returns what was acknowledged.
std::vector<std::string> StoreAll(Machine& machine) {
  std::vector<std::string> acknowledged;
  if (!machine.Open().ok()) return acknowledged;
  for (const std::string& blob : Blobs()) {
    if (!machine.Put(blob).ok()) break;
    acknowledged.push_back(blob);
    if (!machine.PutRendition(Machine::Address(), blob + " small").ok()) break;
  }
  return acknowledged;
}

void CutBefore(int64_t operation, Survives survives) {
  SCOPED_TRACE("power fails before operation " + std::to_string(operation));
  Machine machine;
  machine.env.CutPowerBefore(operation);
  const std::vector<std::string> acknowledged = StoreAll(machine);
  ASSERT_TRUE(machine.PowerCut(survives).ok());

  for (const std::string& blob : acknowledged) {
    ASSERT_EQ(machine.Get(Digest::Of(blob)).value_or("lost"), blob);
  }
  for (const std::string& blob : Blobs()) {
    const absl::StatusOr<std::string> got = machine.Get(Digest::Of(blob));
    if (got.ok()) {
      EXPECT_EQ(*got, blob);
    } else {
      EXPECT_TRUE(absl::IsNotFound(got.status())) << got.status();
    }
  }
  // Renditions may be lost, but never be wrong.
  const absl::StatusOr<std::string> small = machine.GetRendition(Machine::Address());
  if (small.ok()) {
    EXPECT_TRUE(small->ends_with(" small"));
  } else {
    EXPECT_TRUE(absl::IsNotFound(small.status())) << small.status();
  }
  EXPECT_EQ(machine.env.List("/data/tmp").value().size(), 0u);
  // And the store goes on working.
  for (const std::string& blob : Blobs()) ASSERT_TRUE(machine.Put(blob).ok());
}

class PowerCut : public testing::TestWithParam<Survives> {};

TEST_P(PowerCut, LeavesWhatWasAcknowledgedAndNothingHalfWritten) {
  Machine whole;
  ASSERT_TRUE(whole.Open().ok());
  const int64_t started = whole.env.calls();
  const int64_t total = [] {
    Machine machine;
    EXPECT_EQ(StoreAll(machine).size(), Blobs().size());
    return machine.env.calls();
  }();
  ASSERT_GT(total, started + 30);
  for (int64_t cut = started; cut <= total; ++cut) CutBefore(cut, GetParam());
  // The start itself makes 512 equal directories: every 17th operation, and the last ones.
  for (int64_t cut = 0; cut < started; cut += cut < started - 20 ? 17 : 1) {
    CutBefore(cut, GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(, PowerCut,
                         testing::Values(Survives::kOnlySynced, Survives::kNamesAndTornBytes),
                         [](const auto& tested) {
                           return tested.param == Survives::kOnlySynced ? "OnlySynced"
                                                                        : "NamesAndTornBytes";
                         });

// Whoever links first may fail before the directory is synced; the second to come must not rely on
// it. Without the sync on that path the blob is lost.
TEST(BlobStore, KeepsABlobWhoseFirstWriterNeverSyncedItsName) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  machine.FailNextOf(Op::kSyncDirectory, absl::UnavailableError("EIO"));
  ASSERT_TRUE(absl::IsUnavailable(machine.Put("shared").status()));
  const absl::StatusOr<StoredBlob> second = machine.Put("shared");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->existed);
  ASSERT_TRUE(machine.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_EQ(machine.Get(Digest::Of("shared")).value_or("lost"), "shared");
}

// The kernel may have forgotten the name that it could not write, and call a second sync a success.
TEST(BlobStore, AcknowledgesNothingAfterADirectoryCouldNotBeSynced) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("before").ok());
  machine.FailNextOf(Op::kSyncDirectory, DirectorySyncFailed(EIO, "/data/blobs/xx"));
  for (const char* bytes : {"shared", "shared", "other", "before"}) {
    const absl::Status refused = machine.Put(bytes).status();
    EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
    EXPECT_EQ(DetailsOf(refused).reason, kSyncFailed);
  }
  EXPECT_EQ(DetailsOf(machine.disk->CheckWritable()).reason, kSyncFailed);
  EXPECT_EQ(machine.Get(Digest::Of("before")).value_or("lost"), "before");
  ASSERT_TRUE(machine.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_TRUE(machine.disk->CheckWritable().ok());
  ASSERT_TRUE(machine.Put("shared").ok());
  ASSERT_TRUE(machine.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_EQ(machine.Get(Digest::Of("shared")).value_or("lost"), "shared");
}

TEST(RenditionStore, LosesARenditionInAPowerCutWithoutHarm) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  ASSERT_TRUE(machine.PowerCut(Survives::kNamesAndTornBytes).ok());
  EXPECT_TRUE(absl::IsNotFound(machine.GetRendition(Machine::Address()).status()));
  EXPECT_TRUE(absl::IsNotFound(machine.env.Content(Machine::PathOf(Machine::Address())).status()));
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  EXPECT_EQ(machine.GetRendition(Machine::Address()).value_or("lost"), "small");
}

}  // namespace
}  // namespace stockroom::fileserver
