// Bytes on their way to a viewer: renditions and originals of images that the viewer may read.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/negotiation.h"
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

struct PictureRequest {
  std::string image_id;
  std::string path;         // what follows the id, decoded; see picture_url.h
  Preferences preferences;  // for paths that end in ".auto"
  // As sent, from "/i/" on; and the query's sig= and expires=, empty if absent.
  std::string raw_path;
  std::string signature;
  std::string expires;
};

// What is known before any byte is sent: enough for conditional requests and ranges.
struct Deliverable {
  enum class From { kMemory, kStore, kRender, kOriginal, kInfo };

  std::string image_id;
  Digest sha256;  // of the bytes: the strong ETag
  int64_t size = 0;
  std::string media_type;
  // For originals: shown as a download under this name, since strangers' bytes are never rendered
  // inline. Empty for renditions, which Stockroom encoded itself.
  std::string download_name;
  Visibility visibility = Visibility::kPublic;
  absl::Time modified;

  // All of them, shared with the cache; null: Open them.
  std::shared_ptr<const std::string> bytes;
  // The same URL gives others something else, as they prefer.
  bool negotiated = false;
  // These very bytes belong to this URL for ever.
  bool immutable = false;
  // The URL ceases to be good then.
  std::optional<absl::Time> expires;
  // Not empty: the URL names another revision than the current one. This is where that is; all else
  // but the visibility is unset.
  std::string redirect;

  From from = From::kOriginal;
  std::string recipe_key;  // empty for the original
  Digest original;
};

// Asynchronous; callbacks must not block. Thread-safe.
class Delivery {
 public:
  virtual ~Delivery() = default;

  using Found = absl::AnyInvocable<void(absl::StatusOr<Deliverable>)>;
  using Opened = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ByteSource>>)>;

  // What can be found in memory, in microseconds; nullopt calls for Find.
  virtual std::optional<absl::StatusOr<Deliverable>> TryFind(const Principal& who,
                                                             const PictureRequest& request) = 0;

  // Finds the picture, or has it made. Errors:
  // - NOT_FOUND: no such image (or not for this principal), preset, format or place;
  // - FAILED_PRECONDITION (IMAGE_NOT_READY, IMAGE_FAILED): nothing has been made of it (yet);
  // - INVALID_ARGUMENT (BAD_RECIPE; BAD_IMAGE: the original can not be decoded), OUT_OF_RANGE
  //   (TOO_LARGE);
  // - PERMISSION_DENIED (SIGNATURE_NEEDED, SIGNATURE_INVALID, SIGNATURE_EXPIRED);
  // - RESOURCE_EXHAUSTED (RENDER_QUEUE_FULL, WORKER_BUSY): come back when it says;
  // - UNAVAILABLE (NO_WORKER, or of the file server), ABORTED (DECODER_DIED), DEADLINE_EXCEEDED.
  virtual void Find(const CallContext& context, const Principal& who, PictureRequest request,
                    Found done) = 0;

  // Opens what was found without its bytes. ABORTED if they have changed since (find it again).
  virtual void Open(const CallContext& context, const Deliverable& what, ByteRange range,
                    Opened done) = 0;

  // What goes out of what was found.
  enum class Sent {
    kNotModified,  // the viewer has it already
    kHeaders,      // without a body: HEAD, or a condition or range that does not fit
    kBeginning,    // all of it, or a part with its first byte
    kMore,         // another part: somebody who fetches it in pieces is one viewer
  };
  // For metrics and popularity. Never blocks.
  virtual void Sending(const Deliverable& what, Sent sent) = 0;
};

}  // namespace stockroom::api
