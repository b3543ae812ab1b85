// Checksums of single pieces of an upload (tus 1.0, extension checksum), and of whole bodies.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::fileserver {

// As tus wants them listed. crc32 and crc32c are four bytes, the highest first.
inline constexpr std::string_view kPieceChecksums = "sha1,md5,sha256,crc32,crc32c";

struct PieceChecksum {
  std::string algorithm;  // one of kPieceChecksums
  std::string value;      // its bytes
};

// "<algorithm> <base64>", the value of Upload-Checksum. INVALID_ARGUMENT: BAD_CHECKSUM.
absl::StatusOr<PieceChecksum> ParsePieceChecksum(std::string_view text);

// Standard base64 with padding, strictly. INVALID_ARGUMENT.
absl::StatusOr<std::string> FromBase64(std::string_view text);

// One thread at a time.
class PieceHasher {
 public:
  // One of kPieceChecksums.
  explicit PieceHasher(std::string_view algorithm);
  ~PieceHasher();
  PieceHasher(PieceHasher&&) noexcept;
  PieceHasher& operator=(PieceHasher&&) noexcept;
  void Update(std::string_view bytes);
  // Call once, last.
  std::string Finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stockroom::fileserver
