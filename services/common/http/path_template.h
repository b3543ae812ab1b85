// Path templates of google.api.http (google/api/http.proto), compiled. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::http {

// A path cut at its slashes, still percent-encoded.
std::vector<std::string_view> SplitPath(std::string_view path);

// Supports literals, *, {a}, {a.b}, {a=*}, {a=x/*}, {a=**} and ** (last), and a verb (":search").
class PathTemplate {
 public:
  // INVALID_ARGUMENT says what is wrong with the template.
  static absl::StatusOr<PathTemplate> Parse(std::string_view text);

  using Captures = std::vector<std::pair<std::string, std::string>>;
  // What the variables matched, percent-decoded; nullopt if the path does not match.
  // INVALID_ARGUMENT if it matches but can not be decoded.
  absl::StatusOr<std::optional<Captures>> Match(
      const std::vector<std::string_view>& segments) const;

  // True if this one is to be tried before `other`: a verb before none, then, at the first segment
  // where they differ, a literal before *, and * before **.
  bool MoreSpecificThan(const PathTemplate& other) const;
  // True if both match exactly the same paths.
  bool SameShape(const PathTemplate& other) const;

  const std::string& text() const { return text_; }
  std::vector<std::string> variables() const;

 private:
  struct Segment {
    enum class Kind { kLiteral, kOne, kRest } kind = Kind::kLiteral;
    std::string literal;
  };
  // A variable covers the segments [begin, end).
  struct Variable {
    std::string name;
    size_t begin = 0;
    size_t end = 0;
  };
  absl::Status ParseSegment(std::string_view text);

  std::string text_;
  std::vector<Segment> segments_;
  std::vector<Variable> variables_;
  std::string verb_;
};

}  // namespace stockroom::http
