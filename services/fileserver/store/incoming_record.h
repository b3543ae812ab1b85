// What is written down about an incoming: its record, made with it, and the note of its completion.
//
// Lines of "name value" that a person can read, ended by a check (the beginning of the SHA-256 of
// the lines before it).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom::fileserver {

// INVALID_ARGUMENT unless 1 to 64 characters of [0-9a-z-]: ids become file names.
absl::Status CheckIncomingId(std::string_view id);

// INVALID_ARGUMENT: the id, a size below 1, a content type that is no header value or has more than
// 255 bytes, an MD5 that has not 16 bytes, an expiry that is not finite.
absl::Status CheckIncomingSpec(const IncomingSpec& spec);

// `spec` has been checked. Its expiry is kept in milliseconds.
std::string EncodeIncomingRecord(const IncomingSpec& spec);
// DATA_LOSS (INCOMING_DAMAGED) unless it is what EncodeIncomingRecord made for this id.
absl::StatusOr<IncomingSpec> DecodeIncomingRecord(std::string_view id, std::string_view record);

// The blob that an incoming became.
std::string EncodeIncomingNote(const Digest& digest);
// DATA_LOSS (INCOMING_DAMAGED).
absl::StatusOr<Digest> DecodeIncomingNote(std::string_view note);

// Whether `b` describes the same upload.
bool SameIncoming(const IncomingSpec& a, const IncomingSpec& b);

}  // namespace stockroom::fileserver
