// BlobClient over gRPC, to a file server.
#pragma once

#include <memory>
#include <string>

#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/rpc/tls.h"

namespace stockroom {

// gRPC reads a stream into blocks of 64 KiB, up to its window of some 16 MiB ahead of whoever takes
// the bytes. A third of a download's processor time is faults to get such pages again unless the
// process keeps so many bytes (KeepFreedMemory): for the mains of programs that serve large blobs.
inline constexpr size_t kKeptForDownloads = 16 << 20;

// Thread-safe. Outlives its streams; not to be destroyed inside a callback. Connects when first
// used and re-connects for ever; a call that finds no connection fails with UNAVAILABLE. Metrics:
// stockroom_blob_client_calls_total (label call), _failures_total (call, code), _bytes_total
// (direction).
class RemoteBlobClient final : public BlobClient {
 public:
  struct Options {
    std::string target;   // host:port, or a gRPC name
    int connections = 2;  // calls go round over that many
    rpc::PeerTls tls;
  };
  RemoteBlobClient(const Options& options, Metrics& metrics);
  ~RemoteBlobClient() override;

  std::unique_ptr<BlobWriter> PutBlob(const CallContext& context, PutBlobOptions options) override;
  std::unique_ptr<BlobReader> GetBlob(const CallContext& context, const Digest& digest,
                                      ByteRange range) override;
  void StatBlob(const CallContext& context, const Digest& digest,
                absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) override;
  std::unique_ptr<RenditionWriter> PutRendition(const CallContext& context,
                                                RenditionAddress address) override;
  std::unique_ptr<RenditionReader> GetRendition(const CallContext& context,
                                                RenditionAddress address, ByteRange range) override;
  void DeleteRenditions(const CallContext& context, const Digest& original,
                        absl::AnyInvocable<void(absl::StatusOr<int>)> done) override;
  void ListBlobs(const CallContext& context, ListBlobsOptions options,
                 absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) override;
  void TouchBlob(const CallContext& context, const Digest& digest,
                 absl::AnyInvocable<void(absl::Status)> done) override;
  void DeleteBlobIfUntouched(const CallContext& context, const Digest& digest, std::string stamp,
                             absl::AnyInvocable<void(absl::StatusOr<bool>)> done) override;

 private:
  class Pool;
  const std::unique_ptr<Pool> pool_;
};

}  // namespace stockroom
