// Direct uploads, as the database keeps them: announced, on their way, ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

struct IdempotentWrite;

// Stored and published: never renumber.
enum class UploadState { kOpen = 1, kCompleted = 2, kFailed = 3, kAborted = 4, kExpired = 5 };

struct DirectUpload {
  std::string id;  // UUIDv7; that of its incoming, and of the image it becomes
  std::string owner;
  Description described;
  std::string filename;
  // What the client announced; empty or absent: nothing.
  std::string content_type;
  int64_t size_bytes = 0;
  std::optional<Digest> sha256;
  std::string md5;  // 16 bytes
  std::optional<uint32_t> crc32c;
  bool allow_duplicate = false;

  UploadState state = UploadState::kOpen;
  std::string failure;   // reason of the error that it FAILED with
  std::string image_id;  // of a completed one; another than `id` if it was deduplicated
  bool deduplicated = false;
  absl::Time create_time;
  absl::Time expire_time;  // whole milliseconds, as the file server keeps it
  std::optional<absl::Time> end_time;

  // The reconciler's: when it looks next, and how often it has.
  absl::Time check_time;
  int32_t checks = 0;
  // An ended one holds nothing on the file server any more.
  bool incoming_gone = false;

  friend bool operator==(const DirectUpload&, const DirectUpload&) = default;
};

struct EndedUpload {
  DirectUpload upload;
  bool by_this_call = false;  // false: it had ended before
};

// In the database of the images. What is open counts in UsageOf. It ends once: by EndUpload, or by
// MetadataStore::CreateImage with NewImage::upload, in the transaction that makes the image.
//
// Thread-safe and blocking; errors as of MetadataStore. Times are kept in microseconds.
class UploadStore {
 public:
  virtual ~UploadStore() = default;

  // RESOURCE_EXHAUSTED (TOO_MANY_UPLOADS) if this owner has `max_open` open ones; calls at the same
  // time may get a few past it. ALREADY_EXISTS if the id is an upload's or an image's. `once` as in
  // MetadataStore; its answer is made from UploadingImage
  // (upload_rules.h).
  virtual absl::Status CreateUpload(const DirectUpload& upload, int max_open,
                                    const std::optional<IdempotentWrite>& once) = 0;
  // NOT_FOUND (UPLOAD_NOT_FOUND).
  virtual absl::StatusOr<DirectUpload> GetUpload(const std::string& id) = 0;
  // Of one owner, the newest (greatest id) first, with ids smaller than `before` (empty: all).
  virtual absl::StatusOr<std::vector<DirectUpload>> ListUploads(const std::string& owner,
                                                                const std::string& before,
                                                                int limit) = 0;
  // OPEN becomes `to`, which is FAILED (with the reason `failure`), ABORTED or EXPIRED, and is due
  // for a check at once. One that has ended stays as it is. NOT_FOUND.
  virtual absl::StatusOr<EndedUpload> EndUpload(const std::string& id, UploadState to,
                                                const std::string& failure, absl::Time now) = 0;

  // Whose check_time has come, the earliest first.
  virtual absl::StatusOr<std::vector<DirectUpload>> DueUploads(absl::Time now, int limit) = 0;
  // It was looked at and there is nothing to be done before `next`. Nothing if it does not exist.
  virtual absl::Status PostponeUpload(const std::string& id, absl::Time next) = 0;
  // An ended one: its incoming was removed; the next check is at `next`. Nothing if it is open.
  virtual absl::Status NoteIncomingGone(const std::string& id, absl::Time next) = 0;
  // Removes the row of one that has ended and whose incoming is gone; nothing else.
  virtual absl::Status ForgetUpload(const std::string& id) = 0;
};

}  // namespace stockroom::api
