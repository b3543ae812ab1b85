// Where bytes lie: a local disk (backends/local_disk.h) or an object store.
//
// Two name spaces that never mix: blobs, durable once committed, and renditions, which may vanish
// or rot in a crash. Both are verified whenever they are read, by Download (transfer.h). Backends
// keep what they are told; limits, hashing and verification are the stores' (blob_store.h,
// rendition_store.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/blobs/blob_types.h"
#include "services/fileserver/store/chunk_sums.h"

namespace stockroom::fileserver {

// One thing being written; blocking; one thread at a time. After an error only destroying it makes
// sense. Destroying it without a Commit that said OK leaves nothing visible.
class BlobSink {
 public:
  virtual ~BlobSink() = default;
  // RESOURCE_EXHAUSTED when the disk is as full as it may get, UNAVAILABLE after an I/O error.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Durable under info.sha256 when it returns OK; true if that was there before. Call once; `info`
  // (all of it) and `sums` describe what was appended. A backend may let many callers share one
  // sync.
  virtual absl::StatusOr<bool> Commit(const BlobInfo& info, const ChunkSums& sums) = 0;
};

class RenditionSink {
 public:
  virtual ~RenditionSink() = default;
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Visible, as a whole, when it returns OK; replaces what had the same address. Call once.
  virtual absl::Status Commit(const RenditionInfo& info, const ChunkSums& sums) = 0;
};

// One thing being read; thread-safe; blocking. Stays readable when the thing is removed meanwhile.
template <typename Info>
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // As recorded when it was written.
  virtual const Info& info() const = 0;
  // Exactly `size` bytes, all of them before info().size. DATA_LOSS if there are fewer.
  virtual absl::Status ReadAt(int64_t offset, char* to, size_t size) = 0;
  // As recorded when it was written, and undamaged; empty if none were. May block.
  virtual absl::StatusOr<ChunkSums> Sums() = 0;
  // A file that begins with these bytes, open for as long as this; -1 where there is none. What is
  // read past ReadAt is verified by nobody.
  virtual int Descriptor() const { return -1; }
};
using BlobSource = ByteSource<BlobInfo>;
using RenditionSource = ByteSource<RenditionInfo>;

// Thread-safe; blocking; outlives what it made.
class BlobBackend {
 public:
  virtual ~BlobBackend() = default;

  virtual absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() = 0;
  // NOT_FOUND; DATA_LOSS when what is recorded about it is damaged.
  virtual absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) = 0;

  // ---- collecting ----

  // One page, see ListBlobs in blobs.proto. INVALID_ARGUMENT (cursor, page size).
  virtual absl::StatusOr<BlobPage> ListBlobs(const ListBlobsOptions& options) = 0;
  // As putting it again. NOT_FOUND.
  virtual absl::Status TouchBlob(const Digest& digest) = 0;
  // Deletes blob and renditions if its last touch is the one that `stamp` names; atomic with
  // respect to TouchBlob and to commits of the same bytes. OK: durable. INVALID_ARGUMENT (stamp).
  virtual absl::StatusOr<bool> DeleteBlobIfUntouched(const Digest& digest,
                                                     const std::string& stamp) = 0;

  virtual absl::StatusOr<std::unique_ptr<RenditionSink>> CreateRendition(
      const RenditionAddress& address) = 0;
  // NOT_FOUND, DATA_LOSS as OpenBlob.
  virtual absl::StatusOr<std::unique_ptr<RenditionSource>> OpenRendition(
      const RenditionAddress& address) = 0;
  // Removing what is not there is not an error.
  virtual absl::Status RemoveRendition(const RenditionAddress& address) = 0;
  // How many there were.
  virtual absl::StatusOr<int> RemoveRenditions(const Digest& original) = 0;

  // OK if a blob could be written now. For health checks.
  virtual absl::Status CheckWritable() = 0;

  // How many bytes can still be stored; nullopt where that is not known. For people who look.
  virtual std::optional<int64_t> FreeBytes() { return std::nullopt; }
};

}  // namespace stockroom::fileserver
