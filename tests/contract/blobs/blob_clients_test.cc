#include "services/common/blobs/memory_blob_client.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/contract/blobs/blob_client_contract.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/support/temp_folder.h"

namespace stockroom {
namespace {

constexpr int64_t kMaxBlob = 4 << 20;
constexpr int64_t kMaxRendition = 1 << 20;

class InMemory final : public BlobClientUnderTest {
 public:
  BlobClient& client() override { return client_; }
  FakeClock& clock() override { return clock_; }

 private:
  FakeClock clock_{absl::Now()};
  MemoryBlobClient client_{
      {.max_blob_bytes = kMaxBlob, .max_rendition_bytes = kMaxRendition, .clock = &clock_}};
};

class OverTheWire final : public BlobClientUnderTest {
 public:
  OverTheWire()
      : server_(fileserver::PosixEnv(), directory_.path(),
                {.blobs = {.max_blob_bytes = kMaxBlob},
                 .renditions = {.max_rendition_bytes = kMaxRendition},
                 .clock = &clock_}),
        client_({.target = server_.target()}, metrics_) {}
  BlobClient& client() override { return client_; }
  FakeClock& clock() override { return clock_; }

 private:
  FakeClock clock_{absl::Now()};
  testing::TempFolder directory_;
  fileserver::FileServerFixture server_;
  Metrics metrics_;
  RemoteBlobClient client_;
};

template <typename T>
BlobClientImplementation Implementation(std::string name) {
  return {std::move(name), [] { return std::make_unique<T>(); }};
}

INSTANTIATE_TEST_SUITE_P(, BlobClientContract,
                         ::testing::Values(Implementation<InMemory>("Memory"),
                                           Implementation<OverTheWire>("FileServer")),
                         [](const auto& tested) { return tested.param.name; });

TEST(MemoryBlobClient, FailsWhenToldTo) {
  MemoryBlobClient client;
  client.FailNext(MemoryBlobClient::Call::kPutBlob, absl::UnavailableError("disk away"));
  const CallContext context = CallContext::WithTimeout(absl::Seconds(5));
  EXPECT_TRUE(absl::IsUnavailable(WriteBlob(client, context, "bytes").status()));
  EXPECT_EQ(client.blob_count(), 0u);
  EXPECT_TRUE(WriteBlob(client, context, "bytes").ok());
  client.DamageBlob(Digest::Of("bytes"));
  EXPECT_TRUE(absl::IsDataLoss(ReadBlob(client, context, Digest::Of("bytes"), 100).status()));
}

// A file server that serves one download at a time, of a blob that is larger than what may be on
// its way.
class OneDownload : public ::testing::Test {
 protected:
  static constexpr int64_t kBytes = 32 << 20;

  OneDownload() {
    for (size_t i = 0; i < bytes_.size(); i += 4096) bytes_[i] = static_cast<char>(i >> 18);
    digest_ = WriteBlob(client_, Context(), bytes_).value().info.sha256;
  }
  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }

  // A download whose first message has come.
  std::unique_ptr<BlobReader> Begin() {
    std::unique_ptr<BlobReader> reader = client_.GetBlob(Context(), digest_, {});
    Arrival<absl::StatusOr<BlobInfo>> info;
    reader->Open(info.Callback());
    EXPECT_TRUE(info.Wait().ok());
    return reader;
  }
  static std::string Rest(BlobReader& reader) {
    for (std::string all;;) {
      Arrival<absl::StatusOr<std::optional<std::string>>> piece;
      reader.Read(piece.Callback());
      absl::StatusOr<std::optional<std::string>> got = piece.Wait();
      if (!got.ok()) return got.status().ToString();
      if (!got->has_value()) return all;
      all += **got;
    }
  }
  absl::StatusOr<std::string> Another() { return ReadBlob(client_, Context(), digest_, kBytes); }

  testing::TempFolder directory_;
  fileserver::FileServerFixture server_{
      fileserver::PosixEnv(), directory_.path(), {.blobs = {.max_downloads = 1}}};
  Metrics metrics_;
  RemoteBlobClient client_{{.target = server_.target()}, metrics_};
  std::string bytes_ = std::string(kBytes, '.');
  Digest digest_;
};

TEST_F(OneDownload, WaitsForItsReaderAndLosesNothing) {
  const std::unique_ptr<BlobReader> slow = Begin();
  absl::SleepFor(absl::Milliseconds(200));  // enough to read all of it ahead, if it did
  EXPECT_TRUE(absl::IsResourceExhausted(Another().status()));
  EXPECT_TRUE(Rest(*slow) == bytes_);
}

TEST_F(OneDownload, EndsWhenItsReaderLeaves) {
  Begin().reset();
  const absl::Time limit = absl::Now() + absl::Seconds(20);
  absl::StatusOr<std::string> read = Another();
  while (absl::IsResourceExhausted(read.status()) && absl::Now() < limit) {
    absl::SleepFor(absl::Milliseconds(5));
    read = Another();
  }
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == bytes_);
}

TEST(RemoteBlobClient, SaysUnavailableWhenNobodyListens) {
  Metrics metrics;
  RemoteBlobClient client({.target = "127.0.0.1:1"}, metrics);
  const CallContext context = CallContext::WithTimeout(absl::Seconds(10));
  EXPECT_TRUE(absl::IsUnavailable(WriteBlob(client, context, "bytes").status()));
  EXPECT_TRUE(absl::IsUnavailable(ReadBlob(client, context, Digest::Of("x"), 1).status()));
}

}  // namespace
}  // namespace stockroom
