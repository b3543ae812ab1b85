#include "services/api/search/query_parser.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <utility>

#include "services/api/search/query_date.h"
#include "services/api/search/text_fold.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

absl::Status QueryError(std::string_view reason, size_t offset, const std::string& what) {
  const std::string position = std::to_string(offset + 1);
  return MakeStatus(absl::StatusCode::kInvalidArgument, "query, position " + position + ": " + what,
                    {.reason = std::string(reason),
                     .metadata = {{"position", position}},
                     .violations = {{"q", what}}});
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<ParsedQuery> Parse() {
    for (SkipSpace(); at_ < text_.size(); SkipSpace()) {
      SR_RETURN_IF_ERROR(ParseTerm());
    }
    if (terms_ > 0 && query_.MatchesAll()) {
      return QueryError("QUERY_NO_WORDS", 0, "there is no letter, digit or symbol to look for");
    }
    return std::move(query_);
  }

 private:
  // Bytes of the white space at `at`, 0 if there is none.
  size_t SpaceAt(size_t at) const {
    int32_t i = static_cast<int32_t>(at);
    UChar32 c = 0;
    U8_NEXT(text_.data(), i, static_cast<int32_t>(text_.size()), c);
    return c >= 0 && u_isUWhiteSpace(c) ? static_cast<size_t>(i) - at : 0;
  }
  void SkipSpace() {
    while (at_ < text_.size()) {
      const size_t space = SpaceAt(at_);
      if (space == 0) return;
      at_ += space;
    }
  }

  // Up to white space or one of `stops`.
  std::string_view TakeBare(std::string_view stops) {
    const size_t begin = at_;
    while (at_ < text_.size() && stops.find(text_[at_]) == std::string_view::npos &&
           SpaceAt(at_) == 0) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  absl::StatusOr<std::string_view> TakeQuoted() {
    const size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) {
      return QueryError("QUERY_UNTERMINATED_QUOTE", at_, "the quote is never closed");
    }
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  absl::StatusOr<std::string_view> TakeValue(std::string_view stops) {
    if (at_ < text_.size() && text_[at_] == '"') return TakeQuoted();
    return TakeBare(stops);
  }

  absl::Status CountTerm(size_t offset) {
    if (++terms_ <= kMaxQueryTerms) return absl::OkStatus();
    return QueryError("QUERY_TOO_MANY_TERMS", offset,
                      "a query may have " + std::to_string(kMaxQueryTerms) + " terms");
  }

  absl::Status ParseTerm() {
    const size_t begin = at_;
    if (text_[at_] == '"') {
      SR_RETURN_IF_ERROR(CountTerm(begin));
      SR_ASSIGN_OR_RETURN(const std::string_view phrase, TakeQuoted());
      AddWords(phrase, false);
      return absl::OkStatus();
    }
    const std::string_view word = TakeBare("\"");
    const size_t colon = word.find(':');
    if (colon != std::string_view::npos && colon > 0) {
      at_ = begin + colon + 1;
      return ParseKey(FoldText(word.substr(0, colon)), begin);
    }
    SR_RETURN_IF_ERROR(CountTerm(begin));
    AddWords(word, true);
    return absl::OkStatus();
  }

  void AddWords(std::string_view text, bool last_is_prefix) {
    std::vector<std::string> words = SplitWords(FoldText(text));
    if (!words.empty()) query_.words.push_back({std::move(words), last_is_prefix});
  }

  absl::Status ParseKey(const std::string& key, size_t begin) {
    if (key == "tags") return ParseTags();
    SR_RETURN_IF_ERROR(CountTerm(begin));
    if (key == "desc") return ParseDescription();
    if (key == "md5") return ParseMd5();
    if (key == "format") return ParseValue(FacetField::kFormat, "format:jpeg");
    if (key == "license") return ParseValue(FacetField::kLicense, "license:\"CC BY 4.0\"");
    if (key == "orientation") return ParseValue(FacetField::kOrientation, "orientation:portrait");
    if (key == "date" || key == "from" || key == "to") return ParseDate(key);
    return QueryError(
        "QUERY_UNKNOWN_KEY", begin,
        "unknown key \"" + key +
            ":\"; there are tags:, date:, from:, to:, desc:, format:, license:, orientation: and "
            "md5:. To look for text with a colon in it, put it in quotes");
  }

  absl::Status ParseTags() {
    for (;;) {
      const size_t begin = at_;
      SR_RETURN_IF_ERROR(CountTerm(begin));
      SR_ASSIGN_OR_RETURN(const std::string_view value, TakeValue(","));
      std::string tag = FoldLine(value);
      if (tag.empty()) {
        return QueryError("QUERY_EMPTY_VALUE", begin, "expected a tag, as in tags:a,\"b c\"");
      }
      query_.tags.push_back(std::move(tag));
      if (at_ >= text_.size() || text_[at_] != ',') return absl::OkStatus();
      ++at_;
    }
  }

  absl::Status ParseDescription() {
    const size_t begin = at_;
    SR_ASSIGN_OR_RETURN(const std::string_view value, TakeValue(""));
    std::string line = FoldLine(value);
    if (line.empty()) {
      return QueryError("QUERY_EMPTY_VALUE", begin, "expected text, as in desc:\"in the snow\"");
    }
    query_.description.push_back(std::move(line));
    return absl::OkStatus();
  }

  absl::Status ParseValue(FacetField field, const std::string& example) {
    const size_t begin = at_;
    SR_ASSIGN_OR_RETURN(const std::string_view text, TakeValue(""));
    std::string value = FoldLine(text);
    if (value.empty()) {
      return QueryError("QUERY_EMPTY_VALUE", begin, "expected a value, as in " + example);
    }
    // As file names have it.
    if (field == FacetField::kFormat && value == "jpg") value = "jpeg";
    query_.values.push_back({field, std::move(value)});
    return absl::OkStatus();
  }

  absl::Status ParseMd5() {
    const size_t begin = at_;
    SR_ASSIGN_OR_RETURN(const std::string_view value, TakeValue(""));
    absl::StatusOr<std::string> md5 = FromHex(FoldText(value));
    if (!md5.ok() || md5->size() != 16) {
      return QueryError("QUERY_BAD_MD5", begin, "expected the 32 hexadecimal digits of an MD5");
    }
    query_.md5.push_back(*std::move(md5));
    return absl::OkStatus();
  }

  absl::Status ParseDate(const std::string& key) {
    const size_t begin = at_;
    SR_ASSIGN_OR_RETURN(const std::string_view value, TakeValue(""));
    std::string error;
    const std::optional<DatePattern> date = ParseDatePattern(value, error);
    if (!date) return QueryError("QUERY_BAD_DATE", begin, error);
    if (key == "date") {
      query_.dates.push_back(*date);
      return absl::OkStatus();
    }
    if (date->day == 0 || date->month == 0 || date->year == 0) {
      return QueryError("QUERY_BAD_DATE", begin, key + ": needs a whole date; * is for date: only");
    }
    const int32_t number = DateNumber(date->year, date->month, date->day);
    if (key == "from") {
      query_.from = std::max(query_.from.value_or(number), number);
    } else {
      query_.to = std::min(query_.to.value_or(number), number);
    }
    return absl::OkStatus();
  }

  const std::string_view text_;
  size_t at_ = 0;
  int terms_ = 0;
  ParsedQuery query_;
};

}  // namespace

absl::StatusOr<ParsedQuery> ParseQuery(std::string_view query) {
  if (query.size() > kMaxQueryBytes) {
    return QueryError("QUERY_TOO_LONG", kMaxQueryBytes,
                      "a query may have " + std::to_string(kMaxQueryBytes) + " bytes");
  }
  if (!IsCleanUtf8(query)) return QueryError("QUERY_NOT_TEXT", 0, "the query is not UTF-8 text");
  return Parser(query).Parse();
}

}  // namespace stockroom::api
