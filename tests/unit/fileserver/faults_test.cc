// Single operations fail: no space, I/O errors, short writes.
#include <cerrno>
#include <string>

#include "services/common/base/status.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

struct Failure {
  std::string name;
  int error;
  absl::StatusCode code;
};

class DiskFailure : public testing::TestWithParam<Failure> {};

TEST_P(DiskFailure, OfAnyOperationIsReportedAndLeavesTheStoreWhole) {
  const std::string bytes(300'000, 'b');
  int64_t started = 0;
  int64_t total = 0;
  {
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    started = machine.env.calls();
    ASSERT_TRUE(machine.Put(bytes).ok());
    total = machine.env.calls();
  }
  for (int64_t failing = started; failing < total; ++failing) {
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    machine.env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
      if (call.index != failing) return std::nullopt;
      return MemoryEnv::Fault{.error = ErrnoStatus(GetParam().error, "operation on " + call.path),
                              .short_write = std::nullopt};
    });
    const absl::Status status = machine.Put(bytes).status();
    EXPECT_EQ(status.code(), GetParam().code) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("operation on /data"));
    EXPECT_TRUE(DetailsOf(status).retry_after.has_value());
    machine.env.SetFaults(nullptr);
    const absl::StatusOr<std::string> got = machine.Get(Digest::Of(bytes));
    EXPECT_TRUE(got.ok() ? *got == bytes : absl::IsNotFound(got.status())) << got.status();
    EXPECT_TRUE(machine.Put(bytes).ok());
    EXPECT_EQ(machine.Get(Digest::Of(bytes)).value_or("lost"), bytes);
  }
}

TEST_P(DiskFailure, WhileARenditionIsStoredLeavesNoFile) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  for (const Op op : {Op::kCreate, Op::kAppend, Op::kRename, Op::kMakeDirectory}) {
    machine.FailNextOf(op, ErrnoStatus(GetParam().error, "operation"));
    EXPECT_EQ(machine.PutRendition(Machine::Address(), "small").status().code(), GetParam().code);
    EXPECT_TRUE(absl::IsNotFound(machine.GetRendition(Machine::Address()).status()));
    EXPECT_EQ(machine.env.List("/data/tmp").value().size(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , DiskFailure,
    testing::Values(Failure{"NoSpace", ENOSPC, absl::StatusCode::kResourceExhausted},
                    Failure{"IoError", EIO, absl::StatusCode::kUnavailable},
                    Failure{"QuotaExceeded", EDQUOT, absl::StatusCode::kResourceExhausted},
                    Failure{"ReadOnly", EROFS, absl::StatusCode::kUnavailable}),
    [](const auto& tested) { return tested.param.name; });

// What a filesystem refuses once it is read-only.
bool Writes(Op op) {
  switch (op) {
    case Op::kOpenToRead:
    case Op::kReadAt:
    case Op::kSize:
    case Op::kStat:
    case Op::kList:
    case Op::kFreeBytes:
      return false;
    default:
      return true;
  }
}

TEST_P(DiskFailure, ThatLastsStopsWritesAndNotReadsUntilItIsOver) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("before").ok());
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  // It begins at any step of a put, and goes on.
  for (int64_t step = 0; step < 12; ++step) {
    const int64_t begin = machine.env.calls() + step;
    machine.env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
      if (call.index < begin || !Writes(call.op)) return std::nullopt;
      return MemoryEnv::Fault{.error = ErrnoStatus(GetParam().error, "operation on " + call.path),
                              .short_write = std::nullopt};
    });
    const std::string bytes = "during " + std::to_string(step);
    const absl::Status status = machine.Put(bytes).status();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), GetParam().code) << status;
    }
    EXPECT_EQ(machine.Put("during the failure").status().code(), GetParam().code);
    EXPECT_EQ(machine.Put("before").status().code(), GetParam().code) << "the touch is lost";
    EXPECT_EQ(machine.disk->CheckWritable().code(), GetParam().code);
    EXPECT_EQ(machine.Get(Digest::Of("before")).value_or("lost"), "before");
    EXPECT_EQ(machine.GetRendition(Machine::Address()).value_or("lost"), "small");
    machine.env.SetFaults(nullptr);
    EXPECT_TRUE(machine.disk->CheckWritable().ok());
    ASSERT_TRUE(machine.Put(bytes).ok());
    ASSERT_TRUE(machine.PowerCut(MemoryEnv::Survives::kOnlySynced).ok());
    EXPECT_EQ(machine.Get(Digest::Of(bytes)).value_or("lost"), bytes);
    ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  }
}

TEST(BlobStore, RepairsABlobThatCanNotBeRead) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  machine.env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kReadAt) return std::nullopt;
    return MemoryEnv::Fault{.error = ErrnoStatus(EIO, "read"), .short_write = std::nullopt};
  });
  EXPECT_TRUE(absl::IsUnavailable(machine.Get(Digest::Of("bytes")).status()));
  const int64_t before = machine.env.calls();
  const absl::StatusOr<StoredBlob> stored = machine.Put("bytes");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(stored->existed);
  EXPECT_EQ(machine.Count(Op::kRename, before), 1);
  machine.env.SetFaults(nullptr);
  EXPECT_EQ(machine.Get(Digest::Of("bytes")).value_or("lost"), "bytes");
}

// From the read with that index on.
MemoryEnv::FaultPlan ReadsFail(int first) {
  return
      [first, reads = 0](const MemoryEnv::Call& call) mutable -> std::optional<MemoryEnv::Fault> {
        if (call.op != Op::kReadAt || reads++ < first) return std::nullopt;
        return MemoryEnv::Fault{.error = ErrnoStatus(EIO, "read"), .short_write = std::nullopt};
      };
}

TEST(RenditionStore, HasWhatTheDiskDoesNotGiveMadeAnew) {
  for (const int first : {0, 1, 2}) {
    Machine machine;
    ASSERT_TRUE(machine.Open().ok());
    const std::string bytes(600'000, 'r');
    ASSERT_TRUE(machine.PutRendition(Machine::Address(), bytes).ok());
    machine.env.SetFaults(ReadsFail(first));
    const absl::Status read = machine.GetRendition(Machine::Address()).status();
    EXPECT_TRUE(first < 2 ? absl::IsNotFound(read) : absl::IsDataLoss(read)) << read;
    machine.env.SetFaults(nullptr);
    EXPECT_TRUE(absl::IsNotFound(machine.GetRendition(Machine::Address()).status()));
    ASSERT_TRUE(machine.PutRendition(Machine::Address(), bytes).ok());
    EXPECT_EQ(machine.GetRendition(Machine::Address()).value_or("lost"), bytes);
  }
}

TEST(RenditionStore, KeepsWhatIsOnlyNotReadableJustNow) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), "small").ok());
  machine.FailNextOf(Op::kOpenToRead, ErrnoStatus(EMFILE, "open"));
  EXPECT_TRUE(absl::IsResourceExhausted(machine.GetRendition(Machine::Address()).status()));
  EXPECT_EQ(machine.GetRendition(Machine::Address()).value_or("lost"), "small");
}

TEST(BlobStore, ReportsAFullDiskAlsoWhenItTookPartOfAWrite) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  int appends = 0;
  machine.env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kAppend) return std::nullopt;
    if (++appends == 1) return MemoryEnv::Fault{.error = absl::OkStatus(), .short_write = 100};
    return MemoryEnv::Fault{.error = ErrnoStatus(ENOSPC, "write"), .short_write = std::nullopt};
  });
  const absl::Status status = machine.Put(std::string(1000, 's')).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "NO_SPACE");
  machine.env.SetFaults(nullptr);
  EXPECT_TRUE(machine.Put(std::string(1000, 's')).ok());
}

TEST(BlobStore, AsksForTheFreeSpaceOnceAnUploadAndNotForEveryChunk) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const int64_t before = machine.env.calls();
  const std::unique_ptr<BlobUpload> upload = *machine.stores->blobs.Put({});
  const std::string chunk(64 << 10, 'c');
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(upload->Append(chunk).ok());
  EXPECT_EQ(machine.Count(Op::kFreeBytes, before), 1);
}

TEST(BlobStore, NeverSyncsADescriptorTwiceAfterAnError) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const int64_t before = machine.env.calls();
  machine.FailNextOf(Op::kSyncData, ErrnoStatus(EIO, "fdatasync"));
  EXPECT_TRUE(absl::IsUnavailable(machine.Put("bytes").status()));
  EXPECT_EQ(machine.Count(Op::kSyncData, before), 1);
  EXPECT_EQ(machine.Count(Op::kLink, before), 0);
  // A new upload has a new file, so its sync counts.
  ASSERT_TRUE(machine.Put("bytes").ok());
  ASSERT_TRUE(machine.PowerCut(MemoryEnv::Survives::kOnlySynced).ok());
  EXPECT_EQ(machine.Get(Digest::Of("bytes")).value_or("lost"), "bytes");
}

TEST(BlobStore, SyncsTheDirectoryAlsoWhenTheBlobExisted) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("bytes").ok());
  const int64_t before = machine.env.calls();
  ASSERT_TRUE(machine.Put("bytes")->existed);
  EXPECT_EQ(machine.Count(Op::kSyncDirectory, before, Machine::ShardOf(Digest::Of("bytes"))), 1);
}

TEST(BlobStore, WritesOnWhenTheKernelTakesOnlyPartOfAWrite) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  machine.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kAppend) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::OkStatus(), .short_write = 7};
  });
  const std::string bytes(1000, 's');
  ASSERT_TRUE(machine.Put(bytes).ok());
  EXPECT_EQ(machine.Get(Digest::Of(bytes)).value_or("lost"), bytes);
}

TEST(BlobStore, DoesNotHangWhenTheKernelTakesNothing) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  machine.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kAppend) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::OkStatus(), .short_write = 0};
  });
  EXPECT_TRUE(absl::IsUnavailable(machine.Put("bytes").status()));
}

TEST(BlobStore, RefusesUploadsWhenTheReserveIsReached) {
  Machine machine;
  machine.reserve_bytes = 1 << 20;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.Put("before").ok());
  machine.env.SetFreeBytes((1 << 20) - 1);
  const absl::Status status = machine.Put("after").status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "NO_SPACE");
  EXPECT_TRUE(absl::IsResourceExhausted(machine.disk->CheckWritable()));
  EXPECT_EQ(machine.Get(Digest::Of("before")).value_or("lost"), "before");
  machine.env.SetFreeBytes(1 << 20);
  EXPECT_TRUE(machine.Put("after").ok());
  EXPECT_TRUE(machine.disk->CheckWritable().ok());
}

TEST(BlobStore, StopsALargeUploadThatEatsTheReserve) {
  Machine machine;
  machine.reserve_bytes = 1 << 20;
  ASSERT_TRUE(machine.Open().ok());
  const std::unique_ptr<BlobUpload> upload = *machine.stores->blobs.Put({});
  const std::string piece(1 << 20, 'p');
  ASSERT_TRUE(upload->Append(piece).ok());
  machine.env.SetFreeBytes(0);
  absl::Status status;
  for (int i = 0; i < 8 && status.ok(); ++i) status = upload->Append(piece);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::IsResourceExhausted(upload->Finish(9 << 20).status()));
}

}  // namespace
}  // namespace stockroom::fileserver
