#include "services/common/http/path_template.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/url.h"

namespace stockroom::http {
namespace {

absl::Status Bad(std::string_view text, std::string_view what) {
  return InvalidArgument("BAD_PATH_TEMPLATE",
                         absl::StrCat("path template '", Av(text), "': ", Av(what)));
}

}  // namespace

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(8);
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

absl::Status PathTemplate::ParseSegment(std::string_view text) {
  if (text == "*") {
    segments_.push_back({Segment::Kind::kOne, ""});
  } else if (text == "**") {
    segments_.push_back({Segment::Kind::kRest, ""});
  } else if (text.find_first_of("*{}=") != std::string_view::npos) {
    return Bad(text_, "a segment is a literal, * or **");
  } else {
    segments_.push_back({Segment::Kind::kLiteral, std::string(text)});
  }
  return absl::OkStatus();
}

absl::StatusOr<PathTemplate> PathTemplate::Parse(std::string_view text) {
  PathTemplate result;
  result.text_ = text;
  if (text.empty() || text.front() != '/') return Bad(text, "must begin with '/'");
  std::string_view rest = text.substr(1);
  // A verb follows the last ':' outside braces.
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find('}', colon) == std::string_view::npos) {
    result.verb_ = rest.substr(colon + 1);
    if (result.verb_.empty()) return Bad(text, "the verb after ':' is empty");
    rest = rest.substr(0, colon);
  }
  while (true) {
    if (rest.empty() || rest.front() != '{') {
      const size_t slash = std::min(rest.find('/'), rest.size());
      SR_RETURN_IF_ERROR(result.ParseSegment(rest.substr(0, slash)));
      rest.remove_prefix(slash);
    } else {
      const size_t close = rest.find('}');
      if (close == std::string_view::npos) return Bad(text, "'{' without '}'");
      const std::string_view inside = rest.substr(1, close - 1);
      const size_t equals = std::min(inside.find('='), inside.size());
      if (equals == 0) return Bad(text, "a variable without a name");
      Variable variable{std::string(inside.substr(0, equals)), result.segments_.size(), 0};
      const std::string_view pattern =
          equals == inside.size() ? std::string_view("*") : inside.substr(equals + 1);
      for (const std::string_view segment : SplitPath(pattern)) {
        SR_RETURN_IF_ERROR(result.ParseSegment(segment));
      }
      variable.end = result.segments_.size();
      result.variables_.push_back(std::move(variable));
      rest.remove_prefix(close + 1);
    }
    if (rest.empty()) break;
    if (rest.front() != '/') return Bad(text, "expected '/' after a segment");
    rest.remove_prefix(1);
  }
  for (size_t i = 0; i + 1 < result.segments_.size(); ++i) {
    if (result.segments_[i].kind == Segment::Kind::kRest) return Bad(text, "** must come last");
  }
  return result;
}

absl::StatusOr<std::optional<PathTemplate::Captures>> PathTemplate::Match(
    const std::vector<std::string_view>& path) const {
  const bool has_rest = segments_.back().kind == Segment::Kind::kRest;
  if (path.size() < segments_.size() || (path.size() > segments_.size() && !has_rest)) {
    return std::optional<Captures>();
  }
  std::string_view last = path.back();
  if (!verb_.empty()) {
    const size_t colon = last.rfind(':');
    if (colon == std::string_view::npos || last.substr(colon + 1) != verb_) {
      return std::optional<Captures>();
    }
    last = last.substr(0, colon);
  }
  const auto segment = [&](size_t i) { return i + 1 == path.size() ? last : path[i]; };
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].kind == Segment::Kind::kLiteral ? segment(i) != segments_[i].literal
                                                     : segment(i).empty()) {
      return std::optional<Captures>();
    }
  }
  Captures captures;
  for (const Variable& variable : variables_) {
    const bool to_end = has_rest && variable.end == segments_.size();
    SR_ASSIGN_OR_RETURN(std::string value, PercentDecode(segment(variable.begin)));
    for (size_t i = variable.begin + 1; i < (to_end ? path.size() : variable.end); ++i) {
      SR_ASSIGN_OR_RETURN(const std::string decoded, PercentDecode(segment(i)));
      value.append("/").append(decoded);
    }
    captures.emplace_back(variable.name, std::move(value));
  }
  return std::optional<Captures>(std::move(captures));
}

bool PathTemplate::MoreSpecificThan(const PathTemplate& other) const {
  if (verb_.empty() != other.verb_.empty()) return !verb_.empty();
  const size_t common = std::min(segments_.size(), other.segments_.size());
  for (size_t i = 0; i < common; ++i) {
    if (segments_[i].kind != other.segments_[i].kind) {
      return segments_[i].kind < other.segments_[i].kind;
    }
  }
  return segments_.size() > other.segments_.size();
}

bool PathTemplate::SameShape(const PathTemplate& other) const {
  return verb_ == other.verb_ &&
         std::equal(segments_.begin(), segments_.end(), other.segments_.begin(),
                    other.segments_.end(), [](const Segment& a, const Segment& b) {
                      return a.kind == b.kind && a.literal == b.literal;
                    });
}

std::vector<std::string> PathTemplate::variables() const {
  std::vector<std::string> names;
  for (const Variable& variable : variables_) names.push_back(variable.name);
  return names;
}

}  // namespace stockroom::http
