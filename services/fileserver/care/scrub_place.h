// Where the scrub is, across restarts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/blobs/care_types.h"

namespace stockroom::fileserver {

struct ScrubPlace {
  int64_t pass = 0;
  bool active = false;     // a pass is not over
  bool requested = false;  // it does not take its time
  int64_t bytes_per_second = 0;
  absl::Time started = absl::UnixEpoch();
  std::string cursor;  // everything up to this digest, in hexadecimal digits, is done
  ScrubCounts counts;
  absl::Time last_started = absl::UnixEpoch();
  absl::Time last_ended = absl::UnixEpoch();
  ScrubCounts last;
  std::string halted_because;
  // Originals that could not be read, and in which pass they were first found so.
  std::map<Digest, int64_t> unreadable;
};

// A checksummed text.
std::string EncodePlace(const ScrubPlace& place);
// DATA_LOSS unless it is one, undamaged.
absl::StatusOr<ScrubPlace> DecodePlace(std::string_view text);

}  // namespace stockroom::fileserver
