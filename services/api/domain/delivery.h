// Bytes on their way to a viewer: renditions and originals of images that the viewer may read.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

// The bytes of one answer, piece by piece. Destroying it cancels the transfer.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next piece, or nullopt after the last. One at a time. The callback must not block.
  virtual void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) = 0;
};

// What is known before any byte is read: enough for conditional requests and ranges.
struct Deliverable {
  std::string image_id;
  Digest sha256;  // of the bytes: the strong ETag
  int64_t size = 0;
  std::string media_type;
  // For originals: shown as a download under this name, since strangers' bytes are never rendered
  // inline. Empty for renditions, which Stockroom encoded itself.
  std::string download_name;
  Visibility visibility = Visibility::kPublic;
  absl::Time modified;

  std::string recipe_key;  // empty for the original
  Digest original;
};

// Asynchronous; callbacks must not block. Thread-safe.
class Delivery {
 public:
  virtual ~Delivery() = default;

  using Found = absl::AnyInvocable<void(absl::StatusOr<Deliverable>)>;
  using Opened = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ByteSource>>)>;

  // `extension` as in the URL ("jpg"). NOT_FOUND: no such image (or not for this principal), no
  // such preset, or the preset exists with another extension (the message says which).
  // FAILED_PRECONDITION with reason IMAGE_NOT_READY or IMAGE_FAILED: the rendition does not exist
  // (yet).
  virtual void FindRendition(const CallContext& context, const Principal& who,
                             const std::string& image_id, const std::string& preset,
                             const std::string& extension, Found done) = 0;
  // NOT_FOUND.
  virtual void FindOriginal(const CallContext& context, const Principal& who,
                            const std::string& image_id, Found done) = 0;

  // Opens what was found. A lost rendition is made again first. ABORTED if the bytes have changed
  // since (find it again).
  virtual void Open(const CallContext& context, const Deliverable& what, ByteRange range,
                    Opened done) = 0;
};

}  // namespace stockroom::api
