#include "services/api/search/query/query_scanner.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

struct OperatorSign {
  std::string_view text;
  Operator is;
};
constexpr OperatorSign kOperators[] = {{"AND", Operator::kAnd},
                                       {"&&", Operator::kAnd},
                                       {"OR", Operator::kOr},
                                       {"||", Operator::kOr},
                                       {"NOT", Operator::kNot}};

// Takes "*", "~", "~2" and "~2*" off the end of `text`.
std::string_view TakeMarks(std::string_view text, bool star, bool tilde, RawValue& value) {
  if (star && !text.empty() && text.back() == '*') {
    value.star = true;
    text.remove_suffix(1);
  }
  const size_t sign = text.rfind('~');
  if (!tilde || sign == std::string_view::npos) return text;
  const std::string_view digits = text.substr(sign + 1);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return text;
  }
  // Of a number that is too large any one will do that is too large.
  constexpr size_t kDigits = 6;
  value.tilde = digits.empty() ? 1 : std::stoi(std::string(digits.substr(0, kDigits)));
  return text.substr(0, sign);
}

}  // namespace

absl::Status QueryError(size_t offset, const absl::Status& fault) {
  const std::string position = std::to_string(offset + 1);
  const std::string what(fault.message());
  ErrorDetails details = DetailsOf(fault);
  details.metadata["position"] = position;
  details.violations = {{"q", what}};
  return MakeStatus(absl::StatusCode::kInvalidArgument, "query, position " + position + ": " + what,
                    std::move(details));
}

absl::Status QueryError(std::string_view reason, size_t offset, const std::string& what,
                        std::string_view suggestion) {
  return QueryError(offset, ValueFault(reason, what, suggestion));
}

// Bytes of the white space at `at`, 0 if there is none.
size_t QueryScanner::SpaceAt(size_t at) const {
  if (at >= text_.size()) return 0;
  const auto first = static_cast<unsigned char>(text_[at]);
  if (first < 0x80) return first == ' ' || (first >= '\t' && first <= '\r') ? 1 : 0;
  int32_t i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_NEXT(text_.data(), i, static_cast<int32_t>(text_.size()), c);
  return c >= 0 && u_isUWhiteSpace(c) ? static_cast<size_t>(i) - at : 0;
}

void QueryScanner::SkipSpace() {
  while (!AtEnd()) {
    const size_t space = SpaceAt(at_);
    if (space == 0) return;
    at_ += space;
  }
}

bool QueryScanner::TakeMinus() {
  if (!At('-') || at_ + 1 >= text_.size() || text_[at_ + 1] == ')' || SpaceAt(at_ + 1) > 0) {
    return false;
  }
  ++at_;
  return true;
}

std::string_view QueryScanner::TakeBare(std::string_view stops) {
  const size_t begin = at_;
  int open = 0;
  const auto stops_at = [stops](char c) {
    return std::any_of(stops.begin(), stops.end(), [c](char stop) { return c == stop; });
  };
  for (; !AtEnd() && !stops_at(text_[at_]); ++at_) {
    if (At(')') && --open < 0) break;
    if (At('(')) ++open;
    if (SpaceAt(at_) > 0) break;
  }
  return text_.substr(begin, at_ - begin);
}

absl::StatusOr<std::string_view> QueryScanner::TakeQuoted() {
  const size_t end = text_.find('"', at_ + 1);
  if (end == std::string_view::npos) {
    return QueryError("QUERY_UNTERMINATED_QUOTE", at_, "the quote is never closed");
  }
  const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
  at_ = end + 1;
  return inside;
}

absl::StatusOr<RawValue> QueryScanner::TakeValue(std::string_view stops, bool star, bool tilde) {
  RawValue value;
  if (At('"')) {
    SR_ASSIGN_OR_RETURN(value.text, TakeQuoted());
    value.quoted = true;
    // Only what stands directly behind the quote.
    const size_t begin = at_;
    size_t end = at_;
    if (tilde && end < text_.size() && text_[end] == '~') {
      ++end;
      while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
    }
    if (star && end < text_.size() && text_[end] == '*') ++end;
    TakeMarks(text_.substr(begin, end - begin), star, tilde, value);
    at_ = end;
    return value;
  }
  value.text = TakeBare(stops);
  value.text = TakeMarks(value.text, star, tilde, value);
  return value;
}

Operator QueryScanner::OperatorAt(size_t& length) const {
  for (const OperatorSign& sign : kOperators) {
    // Nearly always told by the first letter.
    if (!At(sign.text[0])) continue;
    if (text_.substr(at_, sign.text.size()) != sign.text) continue;
    const size_t end = at_ + sign.text.size();
    length = sign.text.size();
    if (end == text_.size() || text_[end] == '"' || text_[end] == '(' || text_[end] == ')' ||
        SpaceAt(end) > 0) {
      return sign.is;
    }
  }
  return Operator::kNone;
}

}  // namespace stockroom::api
