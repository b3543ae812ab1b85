// Do the database and the file server fit together? (`stockroom admin fsck`)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/call_context.h"
#include "services/common/blobs/care_client.h"

namespace stockroom::api {

struct ImageProblem {
  enum class Kind { kMissing, kDamaged, kUnreadable, kWrongSize, kWrongMd5 };
  std::string image_id;
  std::string owner;
  Digest sha256;
  Kind kind = Kind::kMissing;
  std::string message;
};

struct CheckedImages {
  int64_t images = 0;
  int64_t bytes = 0;
  std::vector<ImageProblem> problems;
  std::string next_page_token;  // empty after the last page
};

struct CheckedBlobs {
  int64_t originals = 0;
  int64_t bytes = 0;
  int64_t unreferenced = 0;
  int64_t unreferenced_bytes = 0;
  absl::Time oldest_unreferenced = absl::InfiniteFuture();
  int64_t only_renditions = 0;
  std::string next_page_token;  // empty after the last page
};

// Thread-safe; blocks on both. A page is bounded in rows, and a page of whole readings in time.
class StoreCare {
 public:
  struct Options {
    int page_size = 500;
    int blob_page_size = 1000;
    // A page of CheckImages ends when reading has taken so long, or reading again what was wrong.
    absl::Duration patience = absl::Seconds(20);
  };
  // Both must outlive it.
  StoreCare(const Options& options, MetadataStore& store, CareClient& files)
      : options_(options), store_(store), files_(files) {}

  // The newest images first. A problem is one that is still there when the row and then the
  // original are looked at a second time: a row that exists has had its original since before it
  // was written, and keeps it for as long as it exists. INVALID_ARGUMENT (page_token); errors of
  // MetadataStore and CareClient.
  absl::StatusOr<CheckedImages> CheckImages(const CallContext& context,
                                            const std::string& page_token, bool full);
  // In the order of digests. Errors as above.
  absl::StatusOr<CheckedBlobs> CheckBlobs(const CallContext& context,
                                          const std::string& page_token);

  CareClient& files() { return files_; }

 private:
  absl::StatusOr<std::vector<BlobVerdict>> VerifySome(const CallContext& context,
                                                      const std::vector<Digest>& digests,
                                                      bool full);
  struct SecondLook {
    std::vector<ImageProblem> problems;
    // The first of the suspects that there was no time for; empty if there was for all.
    std::string too_late;
  };
  // Those of `suspects` that are wrong still, in their order.
  absl::StatusOr<SecondLook> LookAgain(const CallContext& context,
                                       const std::vector<Image>& suspects, bool full);

  const Options options_;
  MetadataStore& store_;
  CareClient& files_;
};

}  // namespace stockroom::api
