// S3Backend over a server in memory that fails as told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "services/common/base/log.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_layout.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/rendition_store.h"
#include "tests/contract/blobs/s3_fixture.h"
#include "tests/support/memory_s3.h"

namespace stockroom::fileserver {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::MemoryS3;
using ::testing::Not;

constexpr char kPrefix[] = "some/prefix/";

class S3BackendTest : public ::testing::Test {
 protected:
  S3BackendTest() {
    InitLogging("test", LogLevel::kOff);
    EXPECT_TRUE(replica_.status().ok()) << replica_.status();
    server_.ClearLog();
  }
  S3Replica::Options Options() {
    S3Replica::Options options{.clock = &clock_};
    options.backend.inline_sums = 2;
    options.backend.part_bytes = 6 * kSumBytes;
    options.backend.parallel_parts = 2;
    options.backend.turn_patience = absl::Milliseconds(100);
    options.sleep = [this](absl::Duration pause) { clock_.Advance(pause); };
    return options;
  }
  absl::StatusOr<bool> Put(std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const auto upload, blobs_.Put({}));
    SR_RETURN_IF_ERROR(upload->Append(bytes));
    SR_ASSIGN_OR_RETURN(const StoredBlob stored,
                        upload->Finish(static_cast<int64_t>(bytes.size())));
    return stored.existed;
  }
  absl::StatusOr<std::string> Get(std::string_view bytes, ByteRange range = {}) {
    SR_ASSIGN_OR_RETURN(const auto download, blobs_.Get(Digest::Of(bytes), range));
    std::string got;
    while (!download->done()) {
      SR_ASSIGN_OR_RETURN(const std::string piece, download->Next());
      got += piece;
    }
    return got;
  }
  std::vector<ListedBlob> Untouched(const Digest& digest) {
    const absl::StatusOr<BlobPage> page = replica_.backend().ListBlobs(
        {.untouched_for = absl::Hours(24), .cursor = digest.hex().substr(0, 2)});
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->blobs : std::vector<ListedBlob>();
  }
  static std::string BlobAt(const Digest& digest) { return kPrefix + s3_layout::BlobKey(digest); }
  // Refuses what `refuses` says.
  void Refuse(std::function<bool(const std::string&, const std::string&)> refuses, int status,
              const std::string& code) {
    server_.SetFault(
        [this, refuses = std::move(refuses), status, code](
            const s3::HttpRequest& request,
            const std::string& key) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
          if (!refuses(request.method, key)) return std::nullopt;
          return server_.Refuse(status, code);
        });
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryS3 server_{{.clock = &clock_}};
  S3Replica replica_{server_, Options()};
  Metrics metrics_;
  BlobStore blobs_{replica_.backend(), {}, metrics_};
  RenditionStore renditions_{replica_.backend(), {}, metrics_};
  const std::string small_ = std::string(1000, 's');
  const std::string large_ = std::string(900'000, 'l');  // in three parts, with sums of its own
};

TEST_F(S3BackendTest, WritesWhatIsNeededToVerifyBeforeTheBlobAndLooksAtItAfterwards) {
  const std::string bytes(150'000, 'b');
  ASSERT_EQ(Put(bytes).value_or(true), false);
  const Digest digest = Digest::Of(bytes);
  const std::string blob = BlobAt(digest);
  const std::string sums = kPrefix + s3_layout::SumsKey(digest);
  EXPECT_THAT(server_.Log(),
              ElementsAre("HEAD " + blob, "PUT " + sums, "PUT " + blob,
                          "HEAD " + std::string(kPrefix) + s3_layout::FenceKey(digest),
                          "HEAD " + blob, "GET " + sums));
}

TEST_F(S3BackendTest, SendsNoBytesOfABlobThatIsThere) {
  ASSERT_TRUE(Put(large_).ok());
  server_.ClearLog();
  EXPECT_EQ(Put(large_).value_or(false), true);
  EXPECT_THAT(server_.Log(), Not(Contains("PUT " + BlobAt(Digest::Of(large_)))));
  EXPECT_EQ(server_.running_uploads(), 0u);
}

TEST_F(S3BackendTest, ReadsAnyRangeVerified) {
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i);
  ASSERT_TRUE(Put(bytes).ok());
  for (const ByteRange& range : std::vector<ByteRange>{{.offset = 0, .length = 1},
                                                       {.offset = 65'535, .length = 2},
                                                       {.offset = 300'001, .length = 500'000},
                                                       {.offset = 1'000'000}}) {
    const size_t length = range.length == 0 ? std::string::npos : static_cast<size_t>(range.length);
    EXPECT_TRUE(Get(bytes, range).value_or("none") ==
                bytes.substr(static_cast<size_t>(range.offset), length));
  }
  server_.Change(BlobAt(Digest::Of(bytes)), [](auto& object) { object.bytes[700'000] ^= 1; });
  EXPECT_TRUE(absl::IsDataLoss(Get(bytes, {.offset = 700'000, .length = 1}).status()));
  EXPECT_TRUE(Get(bytes, {.offset = 0, .length = 600'000}).ok());
}

TEST_F(S3BackendTest, LeavesNothingOfAnUploadWhosePartsCanNotBeSent) {
  int parts = 0;
  Refuse(
      [&](const std::string& method, const std::string& key) {
        return method == "PUT" && key == BlobAt(Digest::Of(large_)) && ++parts > 1;
      },
      400, "Teapot");
  EXPECT_FALSE(Put(large_).ok());
  EXPECT_EQ(server_.running_uploads(), 0u);
  EXPECT_FALSE(server_.Has(BlobAt(Digest::Of(large_))));
  server_.SetFault(nullptr);
  EXPECT_TRUE(absl::IsNotFound(Get(large_).status()));
  EXPECT_EQ(Put(large_).value_or(true), false);
  EXPECT_TRUE(Get(large_).value_or("none") == large_);
}

TEST_F(S3BackendTest, PutsNoPartsTogetherThatAreNotWhatCame) {
  ASSERT_TRUE(Put(large_).ok());
  // As if the spool gave other bytes than it got.
  std::string other = large_;
  other[700'000] ^= 1;
  ChunkSummer summer;
  summer.Update(other);
  const auto sink = replica_.backend().CreateBlob().value();
  ASSERT_TRUE(sink->Append(large_).ok());
  BlobInfo info = blobs_.Stat(Digest::Of(large_)).value();
  info.sha256 = Digest::Of(other);
  const absl::Status damaged = sink->Commit(info, summer.Finish()).status();
  EXPECT_EQ(DetailsOf(damaged).reason, "SPOOL_DAMAGED") << damaged;
  EXPECT_FALSE(server_.Has(BlobAt(info.sha256)));
  EXPECT_EQ(server_.running_uploads(), 0u);
}

TEST_F(S3BackendTest, WaitsForAnotherUploadOfTheSameBlobNoLongerThanAllowed) {
  Mutex mu;
  CondVar changed;
  bool storing = false;
  bool release = false;
  server_.SetFault([&](const s3::HttpRequest& request,
                       const std::string& key) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
    if (request.method != "PUT" || key != BlobAt(Digest::Of(small_))) return std::nullopt;
    MutexLock lock(mu);
    storing = true;
    changed.NotifyAll();
    while (!release) changed.Wait(mu);
    return std::nullopt;
  });
  std::thread first([&] { EXPECT_TRUE(Put(small_).ok()); });
  {
    MutexLock lock(mu);
    while (!storing) changed.Wait(mu);
  }
  const absl::Status waits = Put(small_).status();
  EXPECT_EQ(DetailsOf(waits).reason, "BLOB_CONTENDED") << waits;
  EXPECT_TRUE(DetailsOf(waits).retry_after.has_value());
  {
    MutexLock lock(mu);
    release = true;
    changed.NotifyAll();
  }
  first.join();
  EXPECT_EQ(Put(small_).value_or(false), true);
}

TEST_F(S3BackendTest, FindsOutThatPartsWerePutTogetherAlthoughNobodySaidSo) {
  bool lost = false;
  server_.SetFault([&](const s3::HttpRequest& request,
                       const std::string&) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
    if (lost || request.method != "POST" || request.url.find("uploadId=") == std::string::npos) {
      return std::nullopt;
    }
    lost = true;
    EXPECT_EQ(server_.Send(request)->status, 200);
    return absl::UnavailableError("the answer was lost");
  });
  ASSERT_TRUE(Put(large_).ok());
  EXPECT_TRUE(lost);
  EXPECT_TRUE(Get(large_).value_or("none") == large_);
}

TEST_F(S3BackendTest, ThrowsAwayPartsThatNobodyWillComplete) {
  ASSERT_TRUE(replica_.client().CreateUpload("blobs/00/x", {.metadata = {}, .md5 = {}}).ok());
  ASSERT_TRUE(replica_.backend().ListBlobs({.untouched_for = absl::Hours(24)}).ok());
  EXPECT_EQ(server_.running_uploads(), 1u);
  clock_.Advance(absl::Hours(49));
  ASSERT_TRUE(replica_.backend().ListBlobs({.untouched_for = absl::Hours(24)}).ok());
  EXPECT_EQ(server_.running_uploads(), 0u);
}

TEST_F(S3BackendTest, ServesNothingThatItCanNotVerifyAndRepairsItWhenItCan) {
  const std::string bytes(150'000, 'b');
  const Digest digest = Digest::Of(bytes);
  const std::vector<std::function<void()>> damages = {
      [&] { server_.Remove(kPrefix + s3_layout::SumsKey(digest)); },
      [&] {
        server_.Change(kPrefix + s3_layout::SumsKey(digest), [](auto& o) { o.bytes[0] ^= 1; });
      },
      [&] { server_.Change(BlobAt(digest), [](auto& o) { o.metadata.clear(); }); },
      [&] { server_.Change(BlobAt(digest), [](auto& o) { o.metadata[1].second += "0"; }); },
      [&] { server_.Change(BlobAt(digest), [](auto& o) { o.metadata[4].second = "00c0ffee"; }); },
      [&] { server_.Change(BlobAt(digest), [](auto& o) { o.bytes += "more"; }); },
      [&] { server_.Change(BlobAt(digest), [](auto& o) { o.etag = std::string(32, 'a'); }); }};
  for (size_t i = 0; i < damages.size(); ++i) {
    ASSERT_TRUE(Put(bytes).ok());
    damages[i]();
    EXPECT_TRUE(absl::IsDataLoss(Get(bytes).status())) << i;
    EXPECT_EQ(Put(bytes).value_or(true), false) << i;
    EXPECT_TRUE(Get(bytes).value_or("none") == bytes) << i;
  }
}

TEST_F(S3BackendTest, GoesOnReadingWhenTheSameBytesArePutInAnotherWay) {
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i);
  ASSERT_TRUE(Put(bytes).ok());
  const auto download = blobs_.Get(Digest::Of(bytes), {}).value();
  std::string got = download->Next().value();
  server_.Change(BlobAt(Digest::Of(bytes)), [](auto& object) { object.etag = "another-1"; });
  while (!download->done()) {
    const absl::StatusOr<std::string> piece = download->Next();
    ASSERT_TRUE(piece.ok()) << piece.status();
    got += *piece;
  }
  EXPECT_TRUE(got == bytes);
}

TEST_F(S3BackendTest, SaysThatABlobIsGoneThatWasCollectedWhileItWasRead) {
  ASSERT_TRUE(Put(large_).ok());
  const auto download = blobs_.Get(Digest::Of(large_), {}).value();
  server_.Remove(BlobAt(Digest::Of(large_)));
  absl::Status status;
  while (status.ok() && !download->done()) status = download->Next().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

TEST_F(S3BackendTest, WaitsForADeletionToBeOverAndNoLongerThanAllowed) {
  const Digest digest = Digest::Of(small_);
  const s3::TextBody nonce("nonce");
  ASSERT_TRUE(
      replica_.client().Put(s3_layout::FenceKey(digest), nonce, {.metadata = {}, .md5 = {}}).ok());
  const absl::Status waits = Put(small_).status();
  EXPECT_EQ(DetailsOf(waits).reason, "BLOB_BEING_COLLECTED") << waits;
  EXPECT_TRUE(DetailsOf(waits).retry_after.has_value());
  EXPECT_EQ(DetailsOf(replica_.backend().TouchBlob(digest)).reason, "BLOB_BEING_COLLECTED");
  clock_.Advance(absl::Seconds(91));
  EXPECT_TRUE(Put(small_).ok()) << "whoever set the fence is dead";
}

TEST_F(S3BackendTest, DeletesNothingWhileSomebodyElseDeletesIt) {
  ASSERT_TRUE(Put(small_).ok());
  const Digest digest = Digest::Of(small_);
  clock_.Advance(absl::Hours(48));
  const std::vector<ListedBlob> listed = Untouched(digest);
  ASSERT_EQ(listed.size(), 1u);
  const std::string claim = s3_layout::AboutFolder(digest) + s3_layout::kClaims + "other";
  const s3::TextBody nonce("nonce");
  ASSERT_TRUE(replica_.client().Put(claim, nonce, {.metadata = {}, .md5 = {}}).ok());
  const auto remove = [&] {
    return replica_.backend().DeleteBlobIfUntouched(digest, listed[0].stamp);
  };
  EXPECT_FALSE(remove().value_or(true));
  EXPECT_TRUE(server_.Has(BlobAt(digest)));
  clock_.Advance(absl::Seconds(91));
  EXPECT_TRUE(remove().value_or(false));
  EXPECT_THAT(server_.Keys(), ElementsAre());
}

TEST_F(S3BackendTest, CollectsWhatADeadUploadOrDeletionLeft) {
  const std::string bytes(150'000, 'b');
  const Digest digest = Digest::Of(bytes);
  ASSERT_TRUE(Put(bytes).ok());
  ASSERT_TRUE(replica_.backend().TouchBlob(digest).ok());
  server_.Remove(BlobAt(digest));
  EXPECT_TRUE(Untouched(digest).empty()) << "an upload may be on its way to the blob";
  clock_.Advance(absl::Hours(25));
  const std::vector<ListedBlob> listed = Untouched(digest);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].size, 0);
  EXPECT_TRUE(replica_.backend().DeleteBlobIfUntouched(digest, listed[0].stamp).value_or(false));
  EXPECT_THAT(server_.Keys(), ElementsAre());
}

TEST_F(S3BackendTest, ListsNothingForAGracePeriodOnceTheServersClockHasJumped) {
  ASSERT_TRUE(Put(small_).ok());
  // The client's steady clock is the fake one too: a Date that it does not explain is a jump.
  server_.SetFault([this](const s3::HttpRequest&, const std::string&) {
    s3::HttpResponse response = server_.Refuse(404, "NoSuchKey");
    for (auto& [name, value] : response.headers) {
      if (name == "date") value = "Tue, 14 Nov 2033 22:13:20 GMT";
    }
    return response;
  });
  EXPECT_TRUE(absl::IsNotFound(replica_.client().Head("x").status()));
  server_.SetFault(nullptr);
  const absl::StatusOr<BlobPage> page =
      replica_.backend().ListBlobs({.untouched_for = absl::Hours(24)});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->quiet_for, absl::Hours(24));
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(Untouched(Digest::Of(small_)).size(), 1u);
}

TEST_F(S3BackendTest, ProbesOnlyWhenNoUploadHasProvedThatItCanWrite) {
  ASSERT_TRUE(Put(small_).ok());
  server_.ClearLog();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(replica_.backend().CheckWritable().ok());
  EXPECT_TRUE(server_.Log().empty());
  Refuse([](const std::string& method, const std::string&) { return method == "PUT"; }, 403,
         "QuotaExceeded");
  const absl::Status full = Put("another").status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_TRUE(absl::IsResourceExhausted(replica_.backend().CheckWritable()));
  server_.SetFault(nullptr);
  EXPECT_TRUE(replica_.backend().CheckWritable().ok());
  server_.ClearLog();
  EXPECT_TRUE(replica_.backend().CheckWritable().ok());
  EXPECT_TRUE(server_.Log().empty());
}

TEST_F(S3BackendTest, ReadsAShortRenditionInOneRequestAndRemovesADamagedOne) {
  const RenditionAddress address{.original = Digest::Of("o"), .key = std::string(32, 'a')};
  const std::string bytes(100'000, 'r');
  const auto upload = renditions_.Put(address).value();
  ASSERT_TRUE(upload->Append(bytes).ok());
  ASSERT_TRUE(upload->Finish(100'000).ok());
  server_.ClearLog();
  const auto download = renditions_.Get(address, {}).value();
  std::string got;
  while (!download->done()) got += download->Next().value();
  EXPECT_TRUE(got == bytes);
  EXPECT_EQ(server_.Log().size(), 1u);
  server_.Change(kPrefix + s3_layout::RenditionKey(address), [](auto& o) { o.bytes[99] ^= 1; });
  EXPECT_TRUE(absl::IsNotFound(renditions_.Get(address, {}).status()));
  EXPECT_FALSE(server_.Has(kPrefix + s3_layout::RenditionKey(address)));
}

TEST_F(S3BackendTest, AsksForThingsToBeSetRightBeforeItStarts) {
  Refuse([](const std::string&, const std::string&) { return true; }, 403, "AccessDenied");
  EXPECT_TRUE(absl::IsFailedPrecondition(S3Replica(server_, Options()).status()));
  Refuse([](const std::string&, const std::string&) { return true; }, 503, "SlowDown");
  EXPECT_TRUE(S3Replica(server_, Options()).status().ok()) << "away now is not wrong for ever";
}

}  // namespace
}  // namespace stockroom::fileserver
