#include "services/common/http/chunked.h"

#include <algorithm>

#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kMaxSizeLine = 256;
constexpr size_t kMaxTrailers = 4096;
// 15 hex digits: far beyond any limit, and no overflow of 64 bits.
constexpr size_t kMaxSizeDigits = 15;

absl::Status Bad(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_BODY", message);
}

}  // namespace

absl::StatusOr<bool> ChunkedDecoder::TakeLine(std::string_view& in, size_t max) {
  const size_t lf = in.find('\n');
  const size_t take = lf == std::string_view::npos ? in.size() : lf + 1;
  if (line_.size() + take > max + 2) return Bad("a line of the chunked body is too long");
  line_.append(in.substr(0, take));
  in.remove_prefix(take);
  if (lf == std::string_view::npos) {
    if (line_.size() >= max + 2)
      return Bad("a line of the chunked body does not end where it must");
    return false;
  }
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
    return Bad("a line of the chunked body does not end with CRLF");
  }
  line_.resize(line_.size() - 2);
  if (line_.find('\r') != std::string::npos) return Bad("CR inside a line of the chunked body");
  return true;
}

absl::Status ChunkedDecoder::ReadSize() {
  size_t digits = 0;
  left_ = 0;
  while (digits < line_.size() && HexDigit(line_[digits]) >= 0) {
    if (digits == kMaxSizeDigits) return Bad("a chunk's size is out of all proportion");
    left_ = left_ * 16 + static_cast<uint64_t>(HexDigit(line_[digits]));
    ++digits;
  }
  if (digits == 0 || (digits < line_.size() && line_[digits] != ';')) {
    return Bad("a chunk's size is not a hexadecimal number");
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ChunkedDecoder::Feed(std::string_view in, std::string* out) {
  const size_t given = in.size();
  while (!in.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
      out->append(in.substr(0, take));
      in.remove_prefix(take);
      left_ -= take;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const size_t max = state_ == State::kTrailer ? kMaxTrailers
                       : state_ == State::kSize  ? kMaxSizeLine
                                                 : 0;
    SR_ASSIGN_OR_RETURN(const bool whole, TakeLine(in, max));
    if (!whole) break;
    switch (state_) {
      case State::kSize:
        SR_RETURN_IF_ERROR(ReadSize());
        state_ = left_ == 0 ? State::kTrailer : State::kData;
        break;
      case State::kDataEnd:
        if (!line_.empty()) return Bad("a chunk is longer than its size says");
        state_ = State::kSize;
        break;
      default:
        trailer_bytes_ += line_.size();
        if (trailer_bytes_ > kMaxTrailers) return Bad("the trailers are too long");
        if (line_.empty()) state_ = State::kDone;
        break;
    }
    line_.clear();
  }
  return given - in.size();
}

}  // namespace stockroom::http
