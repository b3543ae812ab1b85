// admin copy-blobs, between file servers in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_blob_client.h"
#include "services/common/blobs/memory_care_client.h"
#include "tools/stockroom/blob_copier.h"

namespace stockroom::cli {
namespace {

using Call = MemoryBlobClient::Call;

// A file server on S3: nobody looks after it.
class NoCare final : public CareClient {
 public:
  absl::StatusOr<ScrubStatus> GetScrubStatus(const CallContext&) override { return None(); }
  absl::StatusOr<ScrubStatus> StartScrub(const CallContext&, int64_t) override { return None(); }
  absl::StatusOr<QuarantinedPage> ListQuarantined(const CallContext&, const std::string&,
                                                  int) override {
    return None();
  }
  absl::StatusOr<StoredPage> ListStored(const CallContext&, const std::string&, int) override {
    return None();
  }
  absl::StatusOr<std::vector<BlobVerdict>> VerifyBlobs(const CallContext&, std::span<const Digest>,
                                                       bool) override {
    return None();
  }
  absl::StatusOr<DiskUsage> GetDiskUsage(const CallContext&) override { return None(); }

 private:
  static absl::Status None() { return absl::UnimplementedError("no such service"); }
};

class CopyBlobsTest : public ::testing::Test {
 protected:
  CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }
  void Store(const std::string& bytes, absl::Time touched) {
    ASSERT_TRUE(WriteBlob(from_, Context(), bytes).ok());
    from_care_.Set({.sha256 = Digest::Of(bytes), .size = static_cast<int64_t>(bytes.size())},
                   touched);
  }
  // As if it had been copied before.
  void StoreThere(const std::string& bytes) { ASSERT_TRUE(WriteBlob(to_, Context(), bytes).ok()); }
  absl::StatusOr<BlobCopyCounts> Copy() { return Copy(from_care_); }
  absl::StatusOr<BlobCopyCounts> Copy(CareClient& source_care) {
    options_.patience = absl::ZeroDuration();
    options_.now = [this] { return clock_.Now(); };
    options_.failed = [this](const Digest& digest, const absl::Status& status) {
      EXPECT_FALSE(status.ok());
      failed_.insert(digest);
    };
    return CopyBlobs({from_, source_care}, {to_, no_care_}, options_, stop_);
  }
  std::string There(const std::string& bytes) {
    return ReadBlob(to_, Context(), Digest::Of(bytes), 1 << 20).value_or("none");
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryBlobClient from_{{.clock = &clock_}};
  MemoryBlobClient to_{{.clock = &clock_}};
  MemoryCareClient from_care_;
  NoCare no_care_;
  BlobCopyOptions options_;
  std::shared_ptr<Cancellation> stop_ = std::make_shared<Cancellation>();
  std::set<Digest> failed_;
};

TEST_F(CopyBlobsTest, SendsWhatIsNotThere) {
  for (int i = 0; i < 50; ++i) Store("blob " + std::to_string(i), clock_.Now());
  for (int i = 0; i < 50; i += 2) StoreThere("blob " + std::to_string(i));
  StoreThere("of its own");
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->seen, 50);
  EXPECT_EQ(counts->copied, 25);
  EXPECT_EQ(counts->present, 25);
  EXPECT_EQ(counts->failed, 0);
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = "blob " + std::to_string(i);
    EXPECT_EQ(There(bytes), bytes);
  }
  const auto again = Copy();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->copied, 0);
  EXPECT_EQ(again->present, 50);
}

// An upload at the source has found its bytes there and not yet committed its row: the receiver's
// collector, whose list is older than this, must not take them.
TEST_F(CopyBlobsTest, KeepsTheReceiversCollectorFromWhatAnUploadIsAboutToReferTo) {
  StoreThere("wanted");
  StoreThere("old");
  clock_.Advance(absl::Hours(72));
  Store("wanted", clock_.Now());
  Store("old", clock_.Now() - absl::Hours(72));
  const auto listed = ListBlobs(to_, Context(), {.untouched_for = absl::Hours(24)});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->blobs.size(), 2u);
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->present, 2);
  EXPECT_EQ(counts->touched, 1);
  for (const ListedBlob& blob : listed->blobs) {
    const bool wanted = blob.sha256 == Digest::Of("wanted");
    EXPECT_EQ(DeleteBlobIfUntouched(to_, Context(), blob).value_or(wanted), !wanted);
  }
}

TEST_F(CopyBlobsTest, SendsAgainWhatTheReceiverCollectedMeanwhile) {
  StoreThere("bytes");
  Store("bytes", clock_.Now());
  to_.FailNext(Call::kTouchBlob, absl::NotFoundError("gone"));
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->copied, 1);
  EXPECT_EQ(counts->present, 0);
}

TEST_F(CopyBlobsTest, NamesWhatFailedAndGoesOn) {
  for (int i = 0; i < 10; ++i) Store("blob " + std::to_string(i), clock_.Now());
  from_.DamageBlob(Digest::Of("blob 3"));
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->failed, 1);
  EXPECT_EQ(counts->copied, 9);
  EXPECT_EQ(failed_, std::set<Digest>{Digest::Of("blob 3")});
  EXPECT_EQ(There("blob 3"), "none");
}

TEST_F(CopyBlobsTest, TakesWhatWasCollectedAtTheSourceForNoFailure) {
  Store("kept", clock_.Now());
  Store("collected", clock_.Now());
  from_.RemoveBlob(Digest::Of("collected"));
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->gone, 1);
  EXPECT_EQ(counts->copied, 1);
  EXPECT_EQ(counts->failed, 0);
}

TEST_F(CopyBlobsTest, AsksForEachOneWhereTheReceiverDoesNotList) {
  Store("there", clock_.Now());
  Store("not there", clock_.Now());
  StoreThere("there");
  const auto counts = Copy();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->present, 1);
  EXPECT_EQ(counts->copied, 1);
}

// What is not listed would be left behind.
TEST_F(CopyBlobsTest, TakesNoSourceThatDoesNotListEverything) {
  ASSERT_TRUE(WriteBlob(from_, Context(), "bytes").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Copy(no_care_).status()));
  EXPECT_EQ(There("bytes"), "none");
}

TEST_F(CopyBlobsTest, EndsWhenItIsInterrupted) {
  Store("bytes", clock_.Now());
  stop_->Cancel();
  EXPECT_TRUE(absl::IsCancelled(Copy().status()));
}

}  // namespace
}  // namespace stockroom::cli
