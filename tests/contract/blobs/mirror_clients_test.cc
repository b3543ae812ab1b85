// What every BlobClient promises, of a file server with two copies.
#include "services/common/blobs/remote_blob_client.h"
#include "services/fileserver/store/memory_env.h"
#include "tests/contract/blobs/blob_client_contract.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/contract/blobs/mirror_fixture.h"
#include "tests/support/memory_s3.h"

namespace stockroom {
namespace {

class OverAMirror final : public BlobClientUnderTest {
 public:
  explicit OverAMirror(bool wait)
      : s3_({.clock = &clock_}),
        store_(disk_, s3_,
               {.directory = "/data",
                .clock = &clock_,
                .mirror = {.wait = wait, .threads = 4},
                .s3 = {},
                .s3_sleep = {}}) {
    const absl::Status opened = store_.Open();
    EXPECT_TRUE(opened.ok()) << opened;
    server_ = std::make_unique<fileserver::FileServerFixture>(
        store_.mirror(),
        fileserver::FileServerFixture::Options{.blobs = {.max_blob_bytes = 4 << 20},
                                               .renditions = {.max_rendition_bytes = 1 << 20}});
    client_ = std::make_unique<RemoteBlobClient>(
        RemoteBlobClient::Options{.target = server_->target()}, metrics_);
  }
  BlobClient& client() override { return *client_; }
  FakeClock& clock() override { return clock_; }

 private:
  FakeClock clock_{absl::Now()};
  testing::MemoryS3 s3_;
  fileserver::MemoryEnv disk_;
  fileserver::MirroredStore store_;
  std::unique_ptr<fileserver::FileServerFixture> server_;
  Metrics metrics_;
  std::unique_ptr<RemoteBlobClient> client_;
};

INSTANTIATE_TEST_SUITE_P(
    , BlobClientContract,
    ::testing::Values(BlobClientImplementation{"Mirror",
                                               [] { return std::make_unique<OverAMirror>(false); }},
                      BlobClientImplementation{"MirrorThatWaits",
                                               [] { return std::make_unique<OverAMirror>(true); }}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace stockroom
