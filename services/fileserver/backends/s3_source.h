// Reading the objects of S3Backend.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "services/common/s3/client.h"
#include "services/fileserver/backends/s3_record.h"
#include "services/fileserver/store/blob_backend.h"

namespace stockroom::fileserver {

// Memory that all reads ahead share. Thread-safe.
class ReadAheadBudget {
 public:
  explicit ReadAheadBudget(int64_t bytes) : left_(bytes) {}
  bool Take(int64_t bytes) {
    if (left_.fetch_sub(bytes) >= bytes) return true;
    left_.fetch_add(bytes);
    return false;
  }
  void GiveBack(int64_t bytes) { left_.fetch_add(bytes); }

 private:
  std::atomic<int64_t> left_;
};

struct S3ReadOptions {
  // A request fetches twice as much as the one before while somebody reads on, up to this.
  int64_t read_ahead = 4 << 20;
};

// NOT_FOUND (BLOB_NOT_FOUND); DATA_LOSS when what is recorded is damaged. `budget` must outlive it.
// The object is pinned by its ETag: if it is replaced, by the same bytes, the new one is taken. If
// it is deleted while it is read, ReadAt says NOT_FOUND.
absl::StatusOr<std::unique_ptr<BlobSource>> OpenS3Blob(s3::Client& client, const Digest& digest,
                                                       const S3ReadOptions& options,
                                                       ReadAheadBudget& budget);
// The first request brings the first 256 KiB, which is all of most renditions.
absl::StatusOr<std::unique_ptr<RenditionSource>> OpenS3Rendition(s3::Client& client,
                                                                 const RenditionAddress& address,
                                                                 const S3ReadOptions& options,
                                                                 ReadAheadBudget& budget);

}  // namespace stockroom::fileserver
