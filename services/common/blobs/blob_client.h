// Bytes, as api and imageproc see them: streams in and out of the file server.
//
// Everything is asynchronous. Callbacks run on threads that must not block (gRPC reactions); hand
// work on to an executor. A callback may run before the call that takes it has returned. Every
// stream has at most one operation in flight.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/digest.h"
#include "services/common/blobs/blob_types.h"

namespace stockroom {

// One thing being written. Destroying it before Finish has called back abandons it: nothing becomes
// visible and its callbacks do not run any more.
template <typename Result>
class ByteWriter {
 public:
  virtual ~ByteWriter() = default;

  // `done` runs when the next Write may be made (the peer's flow control has room) or with the
  // error that ended the stream. `chunk` may be empty; at most 1 MiB.
  virtual void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Ends the stream. For blobs an OK result means durable. Call once, with no Write in flight.
  virtual void Finish(absl::AnyInvocable<void(absl::StatusOr<Result>)> done) = 0;
};
using BlobWriter = ByteWriter<StoredBlob>;
using RenditionWriter = ByteWriter<RenditionInfo>;

// One thing being read. Destroying it cancels the transfer; no callback runs after that.
template <typename Info>
class ByteReader {
 public:
  virtual ~ByteReader() = default;

  // What is being read: whole size and digest, whatever the range. Call first, once.
  virtual void Open(absl::AnyInvocable<void(absl::StatusOr<Info>)> done) = 0;

  // The next piece, or nullopt after the last one. After an error nothing more comes.
  virtual void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) = 0;
};
using BlobReader = ByteReader<BlobInfo>;
using RenditionReader = ByteReader<RenditionInfo>;

// Thread-safe. Errors are those of proto/stockroom/internal/blobs.proto. The context's deadline and
// cancellation end every stream; its request id travels along.
class BlobClient {
 public:
  virtual ~BlobClient() = default;

  virtual std::unique_ptr<BlobWriter> PutBlob(const CallContext& context,
                                              PutBlobOptions options) = 0;
  virtual std::unique_ptr<BlobReader> GetBlob(const CallContext& context, const Digest& digest,
                                              ByteRange range) = 0;
  virtual void StatBlob(const CallContext& context, const Digest& digest,
                        absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) = 0;

  virtual std::unique_ptr<RenditionWriter> PutRendition(const CallContext& context,
                                                        RenditionAddress address) = 0;
  virtual std::unique_ptr<RenditionReader> GetRendition(const CallContext& context,
                                                        RenditionAddress address,
                                                        ByteRange range) = 0;
  // `done` gets how many were removed.
  virtual void DeleteRenditions(const CallContext& context, const Digest& original,
                                absl::AnyInvocable<void(absl::StatusOr<int>)> done) = 0;

  // For collecting (services/api/domain/blob_collector.h).
  virtual void ListBlobs(const CallContext& context, ListBlobsOptions options,
                         absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) = 0;
  // NOT_FOUND: it is gone.
  virtual void TouchBlob(const CallContext& context, const Digest& digest,
                         absl::AnyInvocable<void(absl::Status)> done) = 0;
  // `done` gets whether it was deleted: false when it was touched since the listing that gave
  // `stamp`, or is gone.
  virtual void DeleteBlobIfUntouched(const CallContext& context, const Digest& digest,
                                     std::string stamp,
                                     absl::AnyInvocable<void(absl::StatusOr<bool>)> done) = 0;
};

}  // namespace stockroom
