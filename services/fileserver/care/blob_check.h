// Is what lies there what was put there?
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "services/common/blobs/care_types.h"
#include "services/fileserver/store/blob_backend.h"

namespace stockroom::fileserver {

// Before each piece of `bytes` is read; an error ends the check with it.
using BeforeRead = std::function<absl::Status(int64_t bytes)>;

enum class Depth {
  kRecord,  // what is recorded about it, and its length
  kWhole,   // every byte of it against every sum
};

// Words for what is damaged, as in QuarantinedBlob::why.
inline constexpr char kDamagedFooter[] = "footer";
inline constexpr char kDamagedPayload[] = "payload";
inline constexpr char kDamagedSums[] = "sums";
inline constexpr char kUnreadable[] = "unreadable";

struct Checked {
  BlobVerdict verdict;
  std::string why;  // one of the words, unless it is OK or missing
};

// The error of `before_read` alone; everything else is a verdict.
absl::StatusOr<Checked> CheckBlob(BlobBackend& backend, const Digest& digest, Depth depth,
                                  const BeforeRead& before_read);
absl::StatusOr<Checked> CheckRendition(BlobBackend& backend, const RenditionAddress& address,
                                       const BeforeRead& before_read);

}  // namespace stockroom::fileserver
