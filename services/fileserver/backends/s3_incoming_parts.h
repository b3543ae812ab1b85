// What the parts of S3Incoming share: keys of the bucket, and what they answer. Private to it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace stockroom::fileserver::s3_incoming {

// Keys begin with it, and so do names of what belongs to one upload.
inline constexpr std::string_view kRoot = "incoming/";
inline constexpr std::string_view kPiece = "piece-";
inline constexpr std::string_view kWriter = "writer-";
inline constexpr std::string_view kGeneration = "generation-";
inline constexpr std::string_view kDirect = "direct";

// With a slash at the end.
std::string Folder(const std::string& id);
std::string RecordKey(const std::string& id);
std::string NoteKey(const std::string& id);
// For names that nobody writes twice.
std::string Random();

absl::Status Missing();
absl::Status Busy();
absl::Status TooManyPieces();
absl::Status TakenOver();
absl::Status SpoolDamaged();

}  // namespace stockroom::fileserver::s3_incoming
