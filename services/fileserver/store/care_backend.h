// What looking after a store needs besides BlobBackend: seeing everything, telling one file of a
// name from the next, and moving away what rotted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"
#include "services/common/blobs/care_types.h"

namespace stockroom::fileserver {

// Thread-safe; blocking.
class CareBackend {
 public:
  virtual ~CareBackend() = default;

  // Names behind `cursor` (at most 64 lower-case hexadecimal digits; empty: from the beginning) in
  // the order of their digests, at most `limit`, all from one of 256 folders, so that a page may be
  // empty although more come. INVALID_ARGUMENT (cursor).
  virtual absl::StatusOr<StoredPage> ListStored(const std::string& cursor, int limit) = 0;
  // Keys of an original's renditions.
  virtual absl::StatusOr<std::vector<std::string>> ListRenditions(const Digest& original) = 0;

  // Names what lies under a digest now: changes when it is touched or replaced. NOT_FOUND.
  virtual absl::StatusOr<std::string> StampBlob(const Digest& digest) = 0;
  // Forgets what memory holds of it, so that who reads it next reads the disk.
  virtual void DropCached(const Digest&) {}

  // Moves a damaged original out of everybody's sight, durably, if it is still what `stamp` names;
  // atomic with respect to uploads, touches and deletions. False: it was replaced, touched or
  // deleted meanwhile: look again. `why` is a word of [a-z].
  virtual absl::StatusOr<bool> QuarantineBlob(const Digest& digest, const std::string& stamp,
                                              const std::string& why) = 0;
  // In the order of their names, those behind `cursor`; `healed` is whether the digest is there.
  virtual absl::StatusOr<QuarantinedPage> ListQuarantined(const std::string& cursor, int limit) = 0;

  // A small text that survives a crash: the last one that was saved, whole. NOT_FOUND.
  virtual absl::StatusOr<std::string> LoadCareState() = 0;
  virtual absl::Status SaveCareState(std::string_view state) = 0;
};

}  // namespace stockroom::fileserver
