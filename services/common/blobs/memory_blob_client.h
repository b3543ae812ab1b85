// BlobClient in memory: the twin of RemoteBlobClient, for tests.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom {

// Thread-safe; outlives its streams. Callbacks run before the method that takes them returns.
class MemoryBlobClient final : public BlobClient {
 public:
  struct Options {
    int64_t max_blob_bytes = int64_t{1} << 30;
    int64_t max_rendition_bytes = int64_t{64} << 20;
    // Size of the pieces that Read gives.
    size_t chunk_bytes = 256 << 10;
  };
  MemoryBlobClient() : MemoryBlobClient(Options{}) {}
  explicit MemoryBlobClient(const Options& options) : options_(options) {}

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

  // ---- faults and looks for tests ----

  enum class Call {
    kPutBlob,
    kGetBlob,
    kStatBlob,
    kPutRendition,
    kGetRendition,
    kDeleteRenditions
  };
  // The next call of this kind fails with `error`: puts at Finish, gets at Open. Several queue up.
  void FailNext(Call call, absl::Status error);
  // Whole gets of the blob end with DATA_LOSS instead of their last piece.
  void DamageBlob(const Digest& digest);
  void RemoveBlob(const Digest& digest);
  size_t blob_count() const;
  size_t rendition_count() const;

 private:
  template <typename Result>
  class Writer;
  template <typename Info>
  class Reader;
  struct StoredBytes {
    std::shared_ptr<const std::string> bytes;
    std::string md5;
    bool damaged = false;
  };
  struct Opened {
    std::shared_ptr<const std::string> bytes;
    bool damaged = false;
  };

  absl::Status TakeFault(Call call) SR_REQUIRES(mu_);
  absl::StatusOr<StoredBlob> StoreBlob(std::string bytes, const std::optional<Digest>& expected);
  absl::StatusOr<RenditionInfo> StoreRendition(std::string bytes, const RenditionAddress& address);
  absl::StatusOr<std::pair<BlobInfo, Opened>> OpenBlob(const Digest& digest, Call call);
  absl::StatusOr<std::pair<RenditionInfo, Opened>> OpenRendition(const RenditionAddress& address);

  const Options options_;
  mutable Mutex mu_;
  std::map<Digest, StoredBytes> blobs_ SR_GUARDED_BY(mu_);
  std::map<std::pair<Digest, std::string>, std::shared_ptr<const std::string>> renditions_
      SR_GUARDED_BY(mu_);
  std::map<Call, std::deque<absl::Status>> faults_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom
