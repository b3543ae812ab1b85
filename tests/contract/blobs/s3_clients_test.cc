// What every BlobClient promises, of file servers over S3.
#include "services/common/blobs/remote_blob_client.h"
#include "tests/contract/blobs/blob_client_contract.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/contract/blobs/s3_fixture.h"
#include "tests/support/memory_s3.h"

namespace stockroom {
namespace {

using Conditions = testing::MemoryS3::Options::Conditions;

// A server in memory; everything is small, so that blobs of the tests go in parts and their sums do
// not fit into metadata.
class OverMemoryS3 final : public BlobClientUnderTest {
 public:
  explicit OverMemoryS3(Conditions conditions)
      : s3_({.clock = &clock_, .conditions = conditions, .max_page = 7}),
        server_(MakeBackend(s3_, clock_), {.blobs = {.max_blob_bytes = 4 << 20},
                                           .renditions = {.max_rendition_bytes = 1 << 20}}),
        client_({.target = server_.target()}, metrics_) {}
  BlobClient& client() override { return client_; }
  FakeClock& clock() override { return clock_; }
  bool may_lose_touches() override { return false; }

 private:
  static std::unique_ptr<fileserver::BlobBackend> MakeBackend(testing::MemoryS3& s3,
                                                              FakeClock& clock) {
    fileserver::S3Backend::Options options;
    options.spool_memory_bytes = 64 << 10;
    options.part_bytes = 256 << 10;
    auto replica = std::make_unique<fileserver::S3Replica>(
        s3, fileserver::S3Replica::Options{.clock = &clock, .backend = options});
    EXPECT_TRUE(replica->status().ok()) << replica->status();
    return std::make_unique<fileserver::OwnedS3Backend>(std::move(replica));
  }

  FakeClock clock_{absl::Now()};
  testing::MemoryS3 s3_;
  fileserver::FileServerFixture server_;
  Metrics metrics_;
  RemoteBlobClient client_;
};

INSTANTIATE_TEST_SUITE_P(
    , BlobClientContract,
    ::testing::Values(
        BlobClientImplementation{
            "S3", [] { return std::make_unique<OverMemoryS3>(Conditions::kHonoured); }},
        BlobClientImplementation{
            "S3RefusingConditions",
            [] { return std::make_unique<OverMemoryS3>(Conditions::kRefused); }}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace stockroom
