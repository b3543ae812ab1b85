// Identifiers.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace stockroom {

// UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then a 12-bit counter within the
// millisecond and 62 random bits, so that ids made by one process sort in the order of their
// making. Text form, lower case. Thread-safe.
std::string NewUuidV7(absl::Time now);

// True for the canonical lower-case text form of any UUID.
bool IsUuid(std::string_view text);

// 16 random hex digits, for request ids and process ids. Thread-safe.
std::string NewRandomId();

// Two digits for each of `bytes` random bytes, of 8 or 24. Thread-safe.
template <int bytes>
std::string RandomHex();

// A request id from outside is kept if it is 1 to 64 characters of A-Z a-z 0-9 - _ . and replaced
// by `otherwise`, or a fresh one if that is empty: it goes into logs and headers.
std::string CleanRequestId(std::string_view from_outside, std::string_view otherwise = {});

}  // namespace stockroom
