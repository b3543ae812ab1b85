// The nouns of looking after a store, shared by CareClient and the file server. What they mean and
// their bounds: proto/stockroom/internal/care.proto.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/common/base/digest.h"

namespace stockroom {

inline constexpr int kMaxStoredPage = 10'000;
inline constexpr int kMaxVerified = 1000;

struct ScrubCounts {
  int64_t blobs = 0;
  int64_t renditions = 0;
  int64_t bytes = 0;
  int64_t damaged_blobs = 0;
  int64_t damaged_renditions = 0;
  int64_t read_errors = 0;

  friend bool operator==(const ScrubCounts&, const ScrubCounts&) = default;
};

struct ScrubStatus {
  enum class State { kOff = 1, kWaiting = 2, kRunning = 3, kHalted = 4 };
  State state = State::kOff;
  int64_t pass = 0;
  bool requested = false;
  absl::Time started = absl::UnixEpoch();
  double progress = 0;
  ScrubCounts counts;
  // Of the last whole pass; the epoch if there was none.
  absl::Time last_started = absl::UnixEpoch();
  absl::Time last_ended = absl::UnixEpoch();
  ScrubCounts last;
  std::string halted_because;
};

struct QuarantinedBlob {
  Digest sha256;
  std::string name;
  int64_t size = 0;
  absl::Time time;
  std::string why;
  bool healed = false;
};

struct QuarantinedPage {
  std::vector<QuarantinedBlob> blobs;
  std::string next_cursor;  // empty after the last page
};

struct StoredThing {
  Digest sha256;
  bool blob = false;  // false: only renditions are there
  int64_t size = 0;
  absl::Time touched = absl::UnixEpoch();
};

// May be empty although more come.
struct StoredPage {
  std::vector<StoredThing> things;
  std::string next_cursor;  // empty after the last page
};

struct BlobVerdict {
  enum class State { kOk = 1, kMissing = 2, kDamaged = 3, kUnreadable = 4 };
  Digest sha256;
  State state = State::kOk;
  int64_t size = 0;
  std::string md5;      // 16 bytes, or empty if it is not known
  std::string message;  // what is wrong
};

struct DiskUsage {
  int64_t free_bytes = -1;  // -1: not known
  int64_t quarantined = 0;
  ScrubCounts stored;
  absl::Time stored_at = absl::UnixEpoch();
};

}  // namespace stockroom
