#include <thread>

#include "services/common/base/status.h"
#include "services/fileserver/store/health_probe.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

void FlipBit(MemoryEnv& env, const std::string& path, size_t byte) {
  std::string content = env.Content(path).value();
  content[byte] = static_cast<char>(content[byte] ^ 1);
  env.Overwrite(path, content);
}

TEST(LocalDisk, IsForOneProcessOnly) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const absl::Status second =
      LocalDisk::Open(machine.env, {.directory = "/data", .reserve_bytes = 0}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_EQ(DetailsOf(second).reason, "DATA_DIR_IN_USE");
  EXPECT_THAT(std::string(second.message()), ::testing::HasSubstr("/data"));
}

TEST(LocalDisk, IsForOneProcessOnlyOnARealDisk) {
  const testing::TempFolder directory;
  const LocalDisk::Options options{.directory = directory.path() + "/a/b", .reserve_bytes = 0};
  absl::StatusOr<std::unique_ptr<LocalDisk>> first = LocalDisk::Open(PosixEnv(), options);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(LocalDisk::Open(PosixEnv(), options).status()));
  first->reset();
  EXPECT_TRUE(LocalDisk::Open(PosixEnv(), options).ok());
}

TEST(LocalDisk, RemovesWhatACrashLeftUnfinished) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.env.Create("/data/tmp/12").ok());
  ASSERT_TRUE(machine.Open().ok());
  EXPECT_EQ(machine.env.List("/data/tmp").value().size(), 0u);
}

TEST(BlobStore, TouchesABlobThatIsPutAgain) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(Digest::Of("bytes"))), 0);
  ASSERT_TRUE(machine.Put("bytes").ok());
  EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(Digest::Of("bytes"))), 1);
}

TEST(BlobStore, KeepsThePayloadAtTheBeginningOfTheFile) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("payload").ok());
  const std::string file = machine.env.Content(Machine::PathOf(Digest::Of("payload"))).value();
  EXPECT_TRUE(file.starts_with("payload"));
  EXPECT_EQ(file.substr(7 + 4, 8), "SRBLOB2\n");
  EXPECT_EQ(file.size(), 7u + 4u + 76u);
}

TEST(BlobStore, FindsEveryFlippedBitOfABlob) {
  const std::string bytes = "a small blob";
  const Digest digest = Digest::Of(bytes);
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put(bytes).ok());
  const std::string path = Machine::PathOf(digest);
  const size_t size = machine.env.Content(path)->size();
  for (size_t byte = 0; byte < size; ++byte) {
    FlipBit(machine.env, path, byte);
    EXPECT_TRUE(absl::IsDataLoss(machine.Get(digest).status())) << "byte " << byte;
    FlipBit(machine.env, path, byte);
  }
  EXPECT_EQ(machine.Get(digest).value_or("lost"), bytes);
}

TEST(BlobStore, FindsABlobThatWasCutShort) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  const Digest digest = Digest::Of("bytes");
  const std::string whole = machine.env.Content(Machine::PathOf(digest)).value();
  for (size_t size = 0; size < whole.size(); ++size) {
    machine.env.Overwrite(Machine::PathOf(digest), whole.substr(0, size));
    EXPECT_TRUE(absl::IsDataLoss(machine.Get(digest).status())) << size << " bytes left";
    EXPECT_TRUE(absl::IsDataLoss(machine.stores->blobs.Stat(digest).status()));
  }
}

TEST(BlobStore, RepairsADamagedBlobWhenItIsPutAgain) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  const Digest digest = Digest::Of("bytes");
  for (const size_t byte : {size_t{0}, size_t{10}, size_t{70}}) {
    FlipBit(machine.env, Machine::PathOf(digest), byte);
    const absl::StatusOr<StoredBlob> stored = machine.Put("bytes");
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_FALSE(stored->existed);
    EXPECT_EQ(machine.Get(digest).value_or("lost"), "bytes");
    ASSERT_TRUE(machine.PowerCut(MemoryEnv::Survives::kOnlySynced).ok());
    EXPECT_EQ(machine.Get(digest).value_or("lost"), "bytes");
  }
}

TEST(BlobStore, StoresNothingWhenBytesAreMissing) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const std::unique_ptr<BlobUpload> upload = *machine.stores->blobs.Put({});
  ASSERT_TRUE(upload->Append("abc").ok());
  const absl::Status status = upload->Finish(4).status();
  EXPECT_EQ(DetailsOf(status).reason, "INCOMPLETE");
  EXPECT_TRUE(absl::IsNotFound(machine.Get(Digest::Of("abc")).status()));
}

TEST(BlobStore, StoresNothingWithoutFinish) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const int64_t before = machine.env.calls();
  { ASSERT_TRUE((*machine.stores->blobs.Put({}))->Append("abc").ok()); }
  EXPECT_EQ(machine.Count(Op::kLink, before), 0);
  EXPECT_EQ(machine.env.List("/data/tmp").value().size(), 0u);
}

TEST(BlobStore, BoundsHowManyTransfersRun) {
  Machine machine;
  machine.blob_options.max_uploads = 2;
  machine.blob_options.max_downloads = 1;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  {
    auto first = machine.stores->blobs.Put({});
    auto second = machine.stores->blobs.Put({});
    ASSERT_TRUE(first.ok() && second.ok());
    const absl::Status third = machine.stores->blobs.Put({}).status();
    EXPECT_TRUE(absl::IsResourceExhausted(third)) << third;
    EXPECT_TRUE(DetailsOf(third).retry_after.has_value());

    auto reading = machine.stores->blobs.Get(Digest::Of("bytes"), {});
    ASSERT_TRUE(reading.ok());
    EXPECT_TRUE(absl::IsResourceExhausted(machine.Get(Digest::Of("bytes")).status()));
  }
  EXPECT_TRUE(machine.Put("more").ok());
  EXPECT_EQ(machine.Get(Digest::Of("bytes")).value_or("lost"), "bytes");
}

TEST(RenditionStore, RemovesARenditionWithAFlippedBit) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const RenditionAddress address = Machine::Address();
  ASSERT_TRUE(machine.PutRendition(address, "small").ok());
  const size_t size = machine.env.Content(Machine::PathOf(address))->size();
  for (size_t byte = 0; byte < size; ++byte) {
    FlipBit(machine.env, Machine::PathOf(address), byte);
    EXPECT_TRUE(absl::IsNotFound(machine.GetRendition(address).status())) << "byte " << byte;
    EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(address)), -1) << "still there";
    ASSERT_TRUE(machine.PutRendition(address, "small").ok());
  }
  EXPECT_EQ(machine.GetRendition(address).value_or("lost"), "small");
}

TEST(RenditionStore, IsNeverSynced) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const int64_t before = machine.env.calls();
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  EXPECT_EQ(machine.Count(Op::kSyncData, before), 0);
  EXPECT_EQ(machine.Count(Op::kSyncDirectory, before), 0);
}

TEST(RenditionStore, SurvivesDeletesWhileItIsWritten) {
  const testing::TempFolder directory;
  const std::unique_ptr<LocalDisk> disk =
      *LocalDisk::Open(PosixEnv(), {.directory = directory.path(), .reserve_bytes = 0});
  Stores stores(*disk, {}, {});
  const RenditionAddress address = Machine::Address();
  std::atomic<bool> stop{false};
  std::thread deleter([&] {
    while (!stop) EXPECT_TRUE(stores.renditions.RemoveAll(address.original).ok());
  });
  int stored = 0;
  for (int i = 0; i < 300; ++i) {
    const std::unique_ptr<RenditionUpload> upload = *stores.renditions.Put(address);
    ASSERT_TRUE(upload->Append("small").ok());
    if (upload->Finish(5).ok()) ++stored;
  }
  stop = true;
  deleter.join();
  EXPECT_GT(stored, 0);
}

TEST(HealthProbe, FollowsWhetherTheStoreCanWrite) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  Mutex mu;
  CondVar changed;
  std::vector<bool> seen;
  HealthProbe probe(
      *machine.disk, absl::Milliseconds(1),
      [&](const absl::Status& status) {
        MutexLock lock(mu);
        seen.push_back(status.ok());
        changed.NotifyAll();
      },
      machine.stores->metrics);
  const auto wait_for = [&](size_t count) {
    MutexLock lock(mu);
    while (seen.size() < count) changed.Wait(mu);
  };
  wait_for(1);
  machine.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kSyncData) return std::nullopt;
    return MemoryEnv::Fault{.error = ErrnoStatus(EIO, "fdatasync"), .short_write = std::nullopt};
  });
  wait_for(2);
  machine.env.SetFaults(nullptr);
  wait_for(3);
  EXPECT_EQ(seen, (std::vector<bool>{true, false, true}));
  probe.Stop();
  EXPECT_EQ(machine.stores->metrics.GetGauge("stockroom_fileserver_free_bytes", "").value(),
            *machine.disk->FreeBytes());
  EXPECT_EQ(DetailsOf(probe.last()).reason, "SHUTTING_DOWN");
}

}  // namespace
}  // namespace stockroom::fileserver
