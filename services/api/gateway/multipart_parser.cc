#include "services/api/gateway/multipart_parser.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/api/gateway/content_disposition.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/message.h"

namespace stockroom::api {
namespace {

// Blanks that may follow a boundary on its line.
constexpr size_t kMaxPadding = 64;
constexpr size_t kMaxPreamble = 4096;

absl::Status Bad(std::string_view what) { return InvalidArgument("BAD_MULTIPART", what); }

bool IsBoundaryChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos);
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

absl::StatusOr<PartHead> ParsePartHead(std::string_view lines) {
  PartHead head;
  bool disposed = false;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Bad("a part's header line has no colon");
    const std::string_view name = Trim(line.substr(0, colon));
    const std::string_view value = Trim(line.substr(colon + 1));
    if (http::EqualsIgnoreCase(name, "Content-Type")) head.content_type = value;
    if (!http::EqualsIgnoreCase(name, "Content-Disposition")) continue;
    if (disposed) return Bad("a part has two Content-Disposition headers");
    disposed = true;
    SR_ASSIGN_OR_RETURN(ContentDisposition disposition, ParseContentDisposition(value));
    if (disposition.type != "form-data")
      return Bad("a part's Content-Disposition is not form-data");
    if (!disposition.name) return Bad("a part has no name");
    head.name = *std::move(disposition.name);
    head.filename = std::move(disposition.filename);
  }
  if (!disposed) return Bad("a part has no Content-Disposition header");
  if (!IsCleanUtf8(head.name) || (head.filename && !IsCleanUtf8(*head.filename))) {
    return Bad("a part's name is not UTF-8");
  }
  return head;
}

}  // namespace

MultipartParser::MultipartParser(std::string boundary, Limits limits)
    // The line break in front of a boundary belongs to it. The first one may stand at the very
    // beginning, so the body is read as if a line break preceded it.
    : delimiter_(absl::StrCat("\r\n--", boundary)), limits_(limits), buffer_("\r\n") {}

absl::StatusOr<MultipartParser> MultipartParser::ForContentType(std::string_view content_type,
                                                                Limits limits) {
  const auto boundary = HeaderParameter(content_type, "boundary");
  if (!boundary) return Bad("Content-Type has no boundary parameter");
  if (boundary->empty() || boundary->size() > 70 || boundary->back() == ' ' ||
      !std::all_of(boundary->begin(), boundary->end(), IsBoundaryChar)) {
    return Bad("the boundary must be 1 to 70 characters out of those that RFC 2046 allows");
  }
  return MultipartParser(*boundary, limits);
}

absl::Status MultipartParser::Feed(std::string_view bytes, PartSink& sink) {
  if (state_ == State::kEpilogue) return absl::OkStatus();
  buffer_.append(bytes);
  while (true) {
    absl::StatusOr<bool> moved = false;
    switch (state_) {
      case State::kPreamble:
        moved = SkipPreamble();
        break;
      case State::kData:
        moved = ReadData(sink);
        break;
      case State::kBoundary:
        moved = ReadBoundary(sink);
        break;
      case State::kHead:
        moved = ReadHead(sink);
        break;
      case State::kEpilogue:
        buffer_.clear();
        break;
    }
    if (!moved.ok()) return moved.status();
    if (!*moved) return absl::OkStatus();
  }
}

absl::Status MultipartParser::Finish() const {
  if (state_ == State::kEpilogue) return absl::OkStatus();
  return Bad("the body ends before the final boundary");
}

absl::StatusOr<bool> MultipartParser::SkipPreamble() {
  const size_t at = buffer_.find(delimiter_);
  if (at == std::string::npos) {
    if (buffer_.size() > kMaxPreamble) return Bad("no boundary within the first 4 KiB");
    return false;
  }
  buffer_.erase(0, at);
  state_ = State::kBoundary;
  return true;
}

absl::StatusOr<bool> MultipartParser::ReadData(PartSink& sink) {
  const size_t at = buffer_.find(delimiter_);
  // What could be the beginning of a delimiter stays until more is known.
  const size_t keep = delimiter_.size() - 1;
  const size_t sure =
      at != std::string::npos ? at : buffer_.size() - std::min(buffer_.size(), keep);
  if (sure > 0) {
    SR_RETURN_IF_ERROR(sink.OnData(std::string_view(buffer_).substr(0, sure)));
    buffer_.erase(0, sure);
  }
  if (at == std::string::npos) return false;
  state_ = State::kBoundary;
  return true;
}

absl::Status MultipartParser::EndPart(PartSink& sink) {
  if (!in_part_) return absl::OkStatus();
  in_part_ = false;
  return sink.OnPartEnd();
}

// The buffer begins with a delimiter. It is one only if "--" or the line's end follows: content may
// hold longer lines that begin the same way.
absl::StatusOr<bool> MultipartParser::ReadBoundary(PartSink& sink) {
  const std::string_view after = std::string_view(buffer_).substr(delimiter_.size());
  if (after.size() < 2) return false;
  if (after.substr(0, 2) == "--") {
    SR_RETURN_IF_ERROR(EndPart(sink));
    state_ = State::kEpilogue;
    return true;
  }
  const size_t blanks = std::min(after.find_first_not_of(" \t"), after.size());
  if (blanks <= kMaxPadding) {
    if (after.size() < blanks + 2) return false;
    if (after.substr(blanks, 2) == "\r\n") {
      SR_RETURN_IF_ERROR(EndPart(sink));
      if (++parts_ > limits_.max_parts) {
        return Bad(absl::StrCat("more than ", limits_.max_parts, " parts"));
      }
      // The line break stays: an empty head is then the same two line breaks as the end of any.
      buffer_.erase(0, delimiter_.size() + blanks);
      state_ = State::kHead;
      return true;
    }
  }
  // Not a boundary after all. Its first byte is content, and the search goes on behind that.
  if (in_part_) SR_RETURN_IF_ERROR(sink.OnData(std::string_view(buffer_).substr(0, 1)));
  buffer_.erase(0, 1);
  state_ = in_part_ ? State::kData : State::kPreamble;
  return true;
}

absl::StatusOr<bool> MultipartParser::ReadHead(PartSink& sink) {
  // The buffer begins with the line break that ended the boundary's line.
  const size_t end = buffer_.find("\r\n\r\n");
  if ((end == std::string::npos ? buffer_.size() : end) > limits_.max_head_bytes) {
    return Bad(absl::StrCat("a part's headers exceed ", limits_.max_head_bytes, " bytes"));
  }
  if (end == std::string::npos) return false;
  const std::string_view lines =
      end == 0 ? std::string_view() : std::string_view(buffer_).substr(2, end - 2);
  SR_ASSIGN_OR_RETURN(PartHead head, ParsePartHead(lines));
  in_part_ = true;
  state_ = State::kData;
  SR_RETURN_IF_ERROR(sink.OnPart(std::move(head)));
  buffer_.erase(0, end + 4);
  return true;
}

}  // namespace stockroom::api
