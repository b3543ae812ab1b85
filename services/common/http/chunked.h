// Decoding the chunked transfer coding (RFC 9112 section 7.1), strictly. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::http {

// Push decoder. Extensions and trailers are read, bounded and dropped.
class ChunkedDecoder {
 public:
  // Appends decoded bytes to `*out` and returns how much of `in` was used: all of it unless the
  // body ended. INVALID_ARGUMENT BAD_BODY; then the decoder must not be used any more.
  absl::StatusOr<size_t> Feed(std::string_view in, std::string* out);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };
  // Takes bytes until a line is whole; true once it is, without its CRLF.
  absl::StatusOr<bool> TakeLine(std::string_view& in, size_t max);
  absl::Status ReadSize();

  State state_ = State::kSize;
  std::string line_;
  uint64_t left_ = 0;
  size_t trailer_bytes_ = 0;
};

}  // namespace stockroom::http
