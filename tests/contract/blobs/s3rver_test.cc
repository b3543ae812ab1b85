// The S3 backend against a server that others have written: npm's s3rver.
#include <gmock/gmock.h>

#include "services/common/blobs/remote_blob_client.h"
#include "services/common/s3/curl_transport.h"
#include "tests/contract/blobs/blob_client_contract.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/contract/blobs/s3_fixture.h"
#include "tests/support/s3rver.h"

namespace stockroom {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<testing::S3rver> StartServer() {
  absl::StatusOr<std::unique_ptr<testing::S3rver>> server = testing::S3rver::Start();
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

std::unique_ptr<s3::CurlTransport> MakeTransport(Metrics& metrics) {
  return s3::CurlTransport::Create({.connect_timeout = absl::Seconds(2)}, metrics).value();
}

// One server for the whole suite, each test below a prefix of its own.
class OverS3rver final : public BlobClientUnderTest {
 public:
  OverS3rver()
      : transport_(MakeTransport(metrics_)),
        server_(MakeBackend(), {.blobs = {.max_blob_bytes = 4 << 20},
                                .renditions = {.max_rendition_bytes = 1 << 20}}),
        client_({.target = server_.target()}, metrics_) {}
  BlobClient& client() override { return client_; }
  FakeClock& clock() override { return clock_; }
  void Advance(absl::Duration duration) override {
    const absl::Status moved = s3rver().Advance(duration);
    EXPECT_TRUE(moved.ok()) << moved;
    clock_.Advance(duration);
  }
  bool may_lose_touches() override { return false; }

 private:
  static testing::S3rver& s3rver() {
    static const std::unique_ptr<testing::S3rver> server = StartServer();
    return *server;
  }
  std::unique_ptr<fileserver::BlobBackend> MakeBackend() {
    static int tests = 0;
    fileserver::S3Backend::Options options;
    options.spool_memory_bytes = 64 << 10;
    options.part_bytes = 256 << 10;
    auto replica = std::make_unique<fileserver::S3Replica>(
        *transport_, fileserver::S3Replica::Options{
                         .url = s3rver().endpoint() + "/bucket/t" + std::to_string(++tests),
                         .credentials = s3rver().credentials(),
                         .clock = &clock_,
                         .backend = options});
    EXPECT_TRUE(replica->status().ok()) << replica->status();
    return std::make_unique<fileserver::OwnedS3Backend>(std::move(replica));
  }

  FakeClock clock_{absl::Now()};
  Metrics metrics_;
  std::unique_ptr<s3::CurlTransport> transport_;
  fileserver::FileServerFixture server_;
  RemoteBlobClient client_;
};

INSTANTIATE_TEST_SUITE_P(, BlobClientContract,
                         ::testing::Values(BlobClientImplementation{
                             "S3rver", [] { return std::make_unique<OverS3rver>(); }}),
                         [](const auto& tested) { return tested.param.name; });

class S3rverTest : public ::testing::Test {
 protected:
  fileserver::S3Replica::Options Options() const {
    fileserver::S3Replica::Options options{.url = server_->endpoint() + "/bucket",
                                           .credentials = server_->credentials()};
    // S3's smallest.
    options.backend.part_bytes = 5 << 20;
    return options;
  }
  absl::StatusOr<bool> Put(fileserver::S3Replica& replica, const std::string& bytes) {
    SR_ASSIGN_OR_RETURN(const auto sink, replica.backend().CreateBlob());
    SR_RETURN_IF_ERROR(sink->Append(bytes));
    StreamHasher hasher(StreamHasher::Md5::kYes);
    hasher.Update(bytes);
    fileserver::ChunkSummer summer;
    summer.Update(bytes);
    const uint32_t crc = summer.whole();
    return sink->Commit({.sha256 = hasher.FinishSha256(),
                         .md5 = hasher.FinishMd5(),
                         .size = static_cast<int64_t>(bytes.size()),
                         .crc32c = crc},
                        summer.Finish());
  }
  absl::StatusOr<std::string> Get(fileserver::S3Replica& replica, const Digest& digest) {
    SR_ASSIGN_OR_RETURN(const auto source, replica.backend().OpenBlob(digest));
    SR_ASSIGN_OR_RETURN(const fileserver::ChunkSums sums, source->Sums());
    std::string bytes(static_cast<size_t>(source->info().size), '\0');
    constexpr size_t kPiece = 256 << 10;
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      SR_RETURN_IF_ERROR(source->ReadAt(static_cast<int64_t>(at), bytes.data() + at,
                                        std::min(kPiece, bytes.size() - at)));
    }
    SR_RETURN_IF_ERROR(sums.Verify(0, bytes));
    return bytes;
  }

  Metrics metrics_;
  const std::unique_ptr<testing::S3rver> server_ = StartServer();
  const std::unique_ptr<s3::CurlTransport> transport_ = MakeTransport(metrics_);
};

TEST_F(S3rverTest, StoresLargeBlobsInPartsAndTheirSumsBesideThem) {
  fileserver::S3Replica replica(*transport_, Options());
  const std::string bytes = PatternOf(23 << 20);
  EXPECT_EQ(Put(replica, bytes).value_or(true), false);
  EXPECT_TRUE(Get(replica, Digest::Of(bytes)).value_or("none") == bytes);
  EXPECT_EQ(Put(replica, bytes).value_or(false), true);
}

TEST_F(S3rverTest, SaysWhatIsWrongWithTheConfiguration) {
  fileserver::S3Replica::Options options = Options();
  options.credentials.access_key = "NOBODY";
  EXPECT_EQ(DetailsOf(fileserver::S3Replica(*transport_, options).status()).reason,
            "S3_CREDENTIALS");
  options = Options();
  options.url = server_->endpoint() + "/another";
  const absl::Status status = fileserver::S3Replica(*transport_, options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "S3_NO_SUCH_BUCKET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("/another"));
}

TEST_F(S3rverTest, SurvivesTheServersDeath) {
  fileserver::S3Replica replica(*transport_, Options());
  ASSERT_TRUE(replica.status().ok()) << replica.status();
  const std::string before = PatternOf(300'000, 1);
  ASSERT_TRUE(Put(replica, before).ok());
  server_->Kill();
  const std::string during = PatternOf(300'000, 2);
  const absl::Status gone = Put(replica, during).status();
  EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
  EXPECT_TRUE(absl::IsUnavailable(replica.backend().CheckWritable()));
  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_TRUE(replica.backend().CheckWritable().ok());
  EXPECT_TRUE(Get(replica, Digest::Of(before)).value_or("none") == before);
  EXPECT_EQ(Put(replica, during).value_or(true), false);
}

TEST_F(S3rverTest, TakesThePresignedRequestsThatItIsGiven) {
  fileserver::S3Replica replica(*transport_, Options());
  ASSERT_TRUE(Put(replica, "in the bucket").ok());
  const Digest digest = Digest::Of("in the bucket");
  const std::string key = "blobs/" + digest.hex().substr(0, 2) + "/" + digest.hex();
  const std::string url = replica.client().Presign("GET", key, {}, {}, absl::Minutes(1));
  const absl::StatusOr<s3::HttpResponse> answer =
      transport_->Send({.method = "GET", .url = url, .headers = {}});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "in the bucket") << "bare: no footer, whoever reads it";
}

TEST_F(S3rverTest, RefusesADeletionThatComesTooLate) {
  fileserver::S3Replica replica(*transport_, Options());
  ASSERT_TRUE(Put(replica, "bytes").ok());
  const absl::Time now = replica.client().clock().Now();
  const absl::Status late = replica.client().Delete(
      "blobs/x", s3::Fence{.from = now - absl::Seconds(59), .lasts = absl::Seconds(60)});
  EXPECT_TRUE(late.ok()) << late;
  ASSERT_TRUE(server_->Advance(absl::Seconds(120)).ok());
  const absl::Status refused =
      replica.client().Delete("blobs/x", s3::Fence{.from = now, .lasts = absl::Seconds(60)});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
}

}  // namespace
}  // namespace stockroom
