// BlobClient in memory: the twin of RemoteBlobClient, for tests.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "services/common/base/clock.h"
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
    // Of touches. Not null.
    Clock* clock = &Clock::Real();
  };
  MemoryBlobClient() : MemoryBlobClient(Options{}) {}
  explicit MemoryBlobClient(const Options& options)
      : options_(options), started_(options.clock->Now()) {}

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

  // ---- faults and looks for tests ----

  enum class Call {
    kPutBlob,
    kGetBlob,
    kStatBlob,
    kPutRendition,
    kGetRendition,
    kDeleteRenditions,
    kListBlobs,
    kTouchBlob,
    kDeleteBlob,
  };
  // The next call of this kind fails with `error`: puts at Finish, gets at Open. Several queue up.
  void FailNext(Call call, absl::Status error);
  // Gets of the blob, or of ranges, end with DATA_LOSS instead of their last piece.
  void DamageBlob(const Digest& digest);
  void RemoveBlob(const Digest& digest);
  // What a file server's power cut and restart do: touches of blobs that were there are lost, and
  // nothing is listed until the server has run for long enough.
  void CutPower();
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
    uint32_t crc32c = 0;
    bool damaged = false;
    absl::Time put;  // what a power cut leaves of `touched`
    absl::Time touched;
    uint64_t stamp = 0;  // of the last touch
  };
  struct Opened {
    std::shared_ptr<const std::string> bytes;
    bool damaged = false;
  };

  void Touch(StoredBytes& stored) SR_REQUIRES(mu_);
  absl::StatusOr<BlobPage> DoList(const CallContext& context, const ListBlobsOptions& options);
  absl::StatusOr<bool> DoDelete(const CallContext& context, const Digest& digest,
                                const std::string& stamp);
  absl::Status TakeFault(Call call) SR_REQUIRES(mu_);
  absl::StatusOr<StoredBlob> StoreBlob(std::string bytes, const std::optional<Digest>& expected);
  absl::StatusOr<RenditionInfo> StoreRendition(std::string bytes, const RenditionAddress& address);
  absl::StatusOr<std::pair<BlobInfo, Opened>> OpenBlob(const Digest& digest, Call call);
  absl::StatusOr<std::pair<RenditionInfo, Opened>> OpenRendition(const RenditionAddress& address);

  const Options options_;
  mutable Mutex mu_;
  absl::Time started_ SR_GUARDED_BY(mu_);
  uint64_t next_stamp_ SR_GUARDED_BY(mu_) = 1;
  std::map<Digest, StoredBytes> blobs_ SR_GUARDED_BY(mu_);
  std::map<std::pair<Digest, std::string>, std::shared_ptr<const std::string>> renditions_
      SR_GUARDED_BY(mu_);
  std::map<Call, std::deque<absl::Status>> faults_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom
