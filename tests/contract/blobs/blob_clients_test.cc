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

TEST(RemoteBlobClient, SaysUnavailableWhenNobodyListens) {
  Metrics metrics;
  RemoteBlobClient client({.target = "127.0.0.1:1"}, metrics);
  const CallContext context = CallContext::WithTimeout(absl::Seconds(10));
  EXPECT_TRUE(absl::IsUnavailable(WriteBlob(client, context, "bytes").status()));
  EXPECT_TRUE(absl::IsUnavailable(ReadBlob(client, context, Digest::Of("x"), 1).status()));
}

}  // namespace
}  // namespace stockroom
