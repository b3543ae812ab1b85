// S3Backend over any transport, and a file server over that.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/s3/client.h"
#include "services/fileserver/backends/s3_backend.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/temp_folder.h"

namespace stockroom::fileserver {

// One replica: a client and the backend over it.
class S3Replica {
 public:
  struct Options {
    std::string url = "http://127.0.0.1:9/bucket/some/prefix";
    s3::Credentials credentials = {
        .access_key = "key", .secret_key = "secret", .session_token = ""};
    // What lies between two answers of the server. Null: the real one.
    Clock* clock = nullptr;
    S3Backend::Options backend;
    s3::RetryOptions retry = {.backoff = {.floor = absl::Milliseconds(1),
                                          .first = absl::Milliseconds(1),
                                          .longest = absl::Milliseconds(5)}};
    std::function<void(absl::Duration)> sleep;
  };
  S3Replica(s3::Transport& transport, Options options)
      : credentials_(s3::CredentialSource::Fixed(options.credentials)),
        client_(ClientOptions(options), transport, *credentials_, metrics_) {
    options.backend.spool_dir = folder_.file("spool");
    options.backend.spool_reserve_bytes = 0;
    options.backend.sleep = options.sleep;
    opened_ = S3Backend::Open(PosixEnv(), client_, options.backend, metrics_);
  }

  const absl::Status& status() const { return opened_.status(); }
  S3Backend& backend() { return **opened_; }
  s3::Client& client() { return client_; }
  Metrics& metrics() { return metrics_; }

 private:
  static s3::Client::Options ClientOptions(const Options& options) {
    s3::Client::Options client{
        .address = s3::Address::Parse(options.url, s3::Style::kAuto, false).value(),
        .retry = options.retry,
        .sleep = options.sleep};
    if (options.clock != nullptr) {
      client.steady = [clock = options.clock] { return clock->Now() - absl::UnixEpoch(); };
    }
    return client;
  }

  testing::TempFolder folder_;
  Metrics metrics_;
  std::unique_ptr<s3::CredentialSource> credentials_;
  s3::Client client_;
  absl::StatusOr<std::unique_ptr<S3Backend>> opened_;
};

// As a BlobBackend that owns its replica.
class OwnedS3Backend final : public BlobBackend {
 public:
  explicit OwnedS3Backend(std::unique_ptr<S3Replica> replica) : replica_(std::move(replica)) {}
  absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() override { return b().CreateBlob(); }
  absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) override {
    return b().OpenBlob(digest);
  }
  absl::StatusOr<BlobPage> ListBlobs(const ListBlobsOptions& options) override {
    return b().ListBlobs(options);
  }
  absl::Status TouchBlob(const Digest& digest) override { return b().TouchBlob(digest); }
  absl::StatusOr<bool> DeleteBlobIfUntouched(const Digest& digest,
                                             const std::string& stamp) override {
    return b().DeleteBlobIfUntouched(digest, stamp);
  }
  absl::StatusOr<std::unique_ptr<RenditionSink>> CreateRendition(
      const RenditionAddress& address) override {
    return b().CreateRendition(address);
  }
  absl::StatusOr<std::unique_ptr<RenditionSource>> OpenRendition(
      const RenditionAddress& address) override {
    return b().OpenRendition(address);
  }
  absl::Status RemoveRendition(const RenditionAddress& address) override {
    return b().RemoveRendition(address);
  }
  absl::StatusOr<int> RemoveRenditions(const Digest& original) override {
    return b().RemoveRenditions(original);
  }
  absl::Status CheckWritable() override { return b().CheckWritable(); }

 private:
  S3Backend& b() { return replica_->backend(); }
  const std::unique_ptr<S3Replica> replica_;
};

}  // namespace stockroom::fileserver
