// Use cases on images that are there: read, list, change, remove, add a result.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/change_listeners.h"
#include "services/api/domain/idempotency.h"
#include "services/api/domain/image.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

struct ImagePage {
  std::vector<Image> images;
  std::string next_page_token;  // empty on the last page
};

// Which parts of a description an update replaces.
enum class DescribedField { kTitle, kDescription, kTags, kLicense, kAttributes, kVisibility };

// What must hold for a write besides the principal's right to it.
struct WriteOptions {
  // Only if the image has this revision when it is changed: else ABORTED (REVISION_MISMATCH), with
  // current_revision in the metadata. 0: no condition.
  int64_t if_revision = 0;
  std::optional<IdempotentWrite> once;
};

// Thread-safe; blocks on the store. An image that the principal may not read is NOT_FOUND, so that
// its existence does not show; one that they may read but not change is PERMISSION_DENIED.
class Catalog {
 public:
  // `listener` is told of every change before it is answered; may be null.
  Catalog(MetadataStore& store, BlobClient& blobs, Clock& clock, WriteListener* listener = nullptr)
      : store_(store), blobs_(blobs), clock_(clock), listener_(listener) {}

  // Also what is still UPLOADING, for who announced it.
  absl::StatusOr<Image> Get(const Principal& who, const std::string& id);
  // `page_size` 1 to 500, 0 for 50. INVALID_ARGUMENT for a token that List did not make.
  absl::StatusOr<ImagePage> List(const Principal& who, int page_size,
                                 const std::string& page_token);
  // For a page that is cut short: goes on behind `image`.
  static std::string TokenAfter(const Image& image);
  absl::StatusOr<ChangedImage> Update(const Principal& who, const std::string& id,
                                      const std::set<DescribedField>& fields,
                                      const Description& wanted, const WriteOptions& options = {});
  // Returns what was removed.
  absl::StatusOr<ChangedImage> Delete(const CallContext& context, const Principal& who,
                                      const std::string& id, const WriteOptions& options = {});
  // `json` is an object.
  absl::StatusOr<ChangedImage> PutAnalysis(const Principal& who, const std::string& id,
                                           const std::string& name, const std::string& json,
                                           const WriteOptions& options = {});
  // The key that the context names, for WriteOptions::once; see idempotency.h.
  absl::StatusOr<KeyOutcome> HoldKey(
      const CallContext& context, const Principal& who, const Digest& fingerprint,
      std::function<std::string(const Image& image, bool deduplicated)> answer);

 private:
  MetadataStore& store_;
  BlobClient& blobs_;
  Clock& clock_;
  WriteListener* const listener_;
};

}  // namespace stockroom::api
