// What a spool leaves of its disk to others.
#include "services/fileserver/backends/s3_spool.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>

#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/memory_env.h"

namespace stockroom::fileserver {
namespace {

constexpr int64_t kReserve = 1000;

class S3SpoolTest : public testing::Test {
 protected:
  S3SpoolTest() { EXPECT_TRUE(env_.MakeDirectory("/spool").ok()); }
  static std::string Bytes(const S3Spool& spool) {
    std::string bytes(static_cast<size_t>(spool.size()), '\0');
    const absl::Status read = spool.ReadAt(0, bytes.data(), bytes.size());
    return read.ok() ? bytes : read.ToString();
  }

  MemoryEnv env_;
  S3Spool spool_{env_, "/spool", /*memory_bytes=*/10, kReserve};
};

TEST_F(S3SpoolTest, OfFewBytesNeedsNoDisk) {
  env_.SetFreeBytes(0);
  EXPECT_TRUE(spool_.Append("0123456789").ok());
  EXPECT_EQ(Bytes(spool_), "0123456789");
}

TEST_F(S3SpoolTest, BeginsNoFileOnceOnlyTheReserveIsFree) {
  env_.SetFreeBytes(kReserve - 1);
  ASSERT_TRUE(spool_.Append("012345").ok());
  const absl::Status full = spool_.Append("67890");
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(DetailsOf(full).reason, "NO_SPACE");
  EXPECT_EQ(Bytes(spool_), "012345");
  EXPECT_EQ(spool_.crc32c(), Crc32c("012345"));
  env_.SetFreeBytes(kReserve);
  ASSERT_TRUE(spool_.Append("67890").ok());
  EXPECT_EQ(Bytes(spool_), "01234567890");
}

TEST_F(S3SpoolTest, EndsAFileThatEatsTheReserve) {
  const std::string piece(1 << 20, 'p');
  ASSERT_TRUE(spool_.Append(piece).ok());
  env_.SetFreeBytes(0);
  absl::Status status;
  for (int i = 0; i < 8 && status.ok(); ++i) status = spool_.Append(piece);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST_F(S3SpoolTest, KeepsWhatCameBeforeAFileThatCouldNotBeBegun) {
  ASSERT_TRUE(spool_.Append("012345").ok());
  env_.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != MemoryEnv::Op::kAppend) return std::nullopt;
    return MemoryEnv::Fault{.error = ErrnoStatus(ENOSPC, "write"), .short_write = std::nullopt};
  });
  EXPECT_TRUE(absl::IsResourceExhausted(spool_.Append("67890")));
  env_.SetFaults(nullptr);
  EXPECT_EQ(Bytes(spool_), "012345");
}

}  // namespace
}  // namespace stockroom::fileserver
