// Use case: rows and originals go out to a backup, and back in (`stockroom admin backup`,
// `restore`).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/blob_admission.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/care_client.h"

namespace stockroom::api {

using ArchivedRow = std::variant<ArchivedImage, BlockedHash, ApiKey, Webhook>;

struct ArchivedRows {
  std::vector<ArchivedRow> rows;
  std::string next_page_token;  // empty after the last page
};

struct CatalogueState {
  std::string id;
  int64_t feed_position = 0;
  bool has_images = false;
};

struct OriginalPiece {
  int64_t size = 0;  // of the whole
  std::string data;
};

// Thread-safe; blocks on database and file server; every call is bounded.
class Archive {
 public:
  enum class Kind { kImages, kBlockedHashes, kApiKeys, kWebhooks };
  struct Options {
    int page_size = 200;
    // The limits that the other ways in have.
    int max_api_keys = 100'000;
    int max_webhooks = 1000;
    int max_hashes = 100'000;
    // The collector's, as Admission has it, and the clock that it is measured by.
    absl::Duration grace = kDefaultGrace;
    std::function<absl::Duration()> steady = BootTimeNow;
  };
  static constexpr int kMostRows = 500;
  static constexpr int64_t kMostBytes = 2 << 20;

  // All must outlive it.
  Archive(const Options& options, MetadataStore& store, BlobClient& blobs, CareClient& files,
          Clock& clock)
      : options_(options), store_(store), blobs_(blobs), files_(files), clock_(clock) {}

  absl::StatusOr<CatalogueState> State();
  // INVALID_ARGUMENT (page_token).
  absl::StatusOr<ArchivedRows> Export(Kind kind, const std::string& page_token);
  // One image, if it is there.
  absl::StatusOr<ArchivedRows> ExportImage(const std::string& id);
  // Goes on after this row, for a page that is cut.
  static std::string TokenAfter(const ArchivedRow& row);
  // How many were not there. The originals of images are touched first, so that no collector takes
  // them before the rows are committed, and again if that took long. FAILED_PRECONDITION
  // (ORIGINAL_MISSING: rows may be in; put the original and do it again), INVALID_ARGUMENT,
  // PERMISSION_DENIED (SCOPE_MISSING: a key that `who` could not make; nothing was put in).
  absl::StatusOr<int64_t> Import(const CallContext& context, const Principal& who,
                                 std::span<const ArchivedRow> rows);
  // Those that are not there whole, as far as what is recorded about them says.
  absl::StatusOr<std::vector<Digest>> Missing(const CallContext& context,
                                              std::span<const Digest> digests);
  absl::StatusOr<OriginalPiece> Read(const CallContext& context, const Digest& digest,
                                     int64_t offset, int64_t length);
  // Never blocks; see BlobClient.
  std::unique_ptr<BlobWriter> Write(const CallContext& context, const Digest& digest);

 private:
  absl::StatusOr<ArchivedRows> ExportImages(const std::string& page_token);
  absl::StatusOr<ArchivedRow> RowOf(Image image);
  absl::StatusOr<ArchivedRows> ExportWebhooks(const std::string& page_token);
  // Each once. FAILED_PRECONDITION (ORIGINAL_MISSING).
  absl::Status TouchAll(const CallContext& context, const std::vector<ArchivedImage>& images);
  // Their originals were touched after `touched`.
  absl::StatusOr<int64_t> ImportImages(const CallContext& context,
                                       const std::vector<ArchivedImage>& images,
                                       absl::Duration touched);
  absl::StatusOr<int64_t> ImportKey(const ApiKey& key);
  absl::StatusOr<int64_t> ImportWebhook(Webhook webhook);

  const Options options_;
  MetadataStore& store_;
  BlobClient& blobs_;
  CareClient& files_;
  Clock& clock_;
};

}  // namespace stockroom::api
