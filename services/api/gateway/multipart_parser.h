// multipart/form-data (RFC 7578), parsed as it arrives. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::api {

struct PartHead {
  std::string name;
  // Present for files, even if empty.
  std::optional<std::string> filename;
  std::string content_type;
};

// What was found. An error from any of them ends the parsing and is returned from Feed.
class PartSink {
 public:
  virtual ~PartSink() = default;
  virtual absl::Status OnPart(PartHead head) = 0;
  // Some of the part's content; as many calls as it takes.
  virtual absl::Status OnData(std::string_view bytes) = 0;
  virtual absl::Status OnPartEnd() = 0;
};

// Push parser. Holds back no more than a part's head and a boundary's length. Not thread-safe.
class MultipartParser {
 public:
  struct Limits {
    size_t max_head_bytes = 8 << 10;  // header lines of one part
    int max_parts = 200;
  };
  // Boundary from a Content-Type header. INVALID_ARGUMENT unless it is 1 to 70 of the characters
  // that RFC 2046 allows.
  static absl::StatusOr<MultipartParser> ForContentType(std::string_view content_type,
                                                        Limits limits);

  // INVALID_ARGUMENT BAD_MULTIPART, or an error from the sink. The parser must not be used after.
  absl::Status Feed(std::string_view bytes, PartSink& sink);
  // At the end of the body: INVALID_ARGUMENT BAD_MULTIPART if the final boundary has not come.
  absl::Status Finish() const;

 private:
  enum class State {
    kPreamble,  // before the first boundary
    kBoundary,  // a delimiter has matched; what follows it decides what it is
    kHead,      // a part's header lines
    kData,
    kEpilogue,  // after the final boundary; ignored
  };
  MultipartParser(std::string boundary, Limits limits);

  // Each works on `buffer_` and says whether it got anywhere.
  absl::StatusOr<bool> SkipPreamble();
  absl::StatusOr<bool> ReadData(PartSink& sink);
  absl::StatusOr<bool> ReadBoundary(PartSink& sink);
  absl::StatusOr<bool> ReadHead(PartSink& sink);
  absl::Status EndPart(PartSink& sink);

  std::string delimiter_;  // CRLF "--" boundary
  Limits limits_;
  State state_ = State::kPreamble;
  bool in_part_ = false;
  int parts_ = 0;
  std::string buffer_;
};

}  // namespace stockroom::api
