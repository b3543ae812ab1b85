// Single operations fail: no space, I/O errors, short writes.
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

INSTANTIATE_TEST_SUITE_P(, DiskFailure,
                         testing::Values(Failure{"NoSpace", ENOSPC,
                                                 absl::StatusCode::kResourceExhausted},
                                         Failure{"IoError", EIO, absl::StatusCode::kUnavailable}),
                         [](const auto& tested) { return tested.param.name; });

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
