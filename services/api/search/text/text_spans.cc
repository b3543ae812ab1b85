#include "services/api/search/text/text_spans.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

// Calls `visit(begin, end)` for pieces that are folded each by itself.
template <typename Visit>
void VisitPieces(std::string_view text, const Visit& visit) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const auto size = static_cast<int32_t>(text.size());
  const auto is_ascii = [&](int32_t at) { return at == size || U8_IS_SINGLE(text[at]); };
  int32_t begin = 0;
  for (int32_t i = 0; i < size;) {
    const int32_t at = i;
    // No mark follows, so there is nothing to look up.
    if (is_ascii(at) && is_ascii(at + 1)) {
      if (at > begin) visit(begin, at);
      visit(at, at + 1);
      begin = ++i;
      continue;
    }
    UChar32 c = 0;
    U8_NEXT(text.data(), i, size, c);
    const bool separate = c < 0 || U_FAILURE(error) || fold->hasBoundaryBefore(c);
    if (separate && at > begin) {
      visit(begin, at);
      begin = at;
    }
  }
  if (size > begin) visit(begin, size);
}

void Append(FoldedText& to, std::string_view folded, uint32_t begin, uint32_t end) {
  to.folded += folded;
  to.begins.insert(to.begins.end(), folded.size(), begin);
  to.ends.insert(to.ends.end(), folded.size(), end);
}

}  // namespace

FoldedText FoldTextWithSpans(std::string_view text) {
  FoldedText result;
  result.folded.reserve(text.size());
  result.begins.reserve(text.size());
  result.ends.reserve(text.size());
  VisitPieces(text, [&](int32_t begin, int32_t end) {
    const auto from = static_cast<uint32_t>(begin);
    const auto to = static_cast<uint32_t>(end);
    if (to - from == 1 && U8_IS_SINGLE(text[from])) {
      const char c = text[from];
      result.folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      result.begins.push_back(from);
      result.ends.push_back(to);
      return;
    }
    Append(result, FoldText(text.substr(from, to - from)), from, to);
  });
  return result;
}

FoldedText FoldLineWithSpans(std::string_view text) {
  const FoldedText all = FoldTextWithSpans(text);
  FoldedText line;
  bool gap = false;
  for (int32_t i = 0, size = static_cast<int32_t>(all.folded.size()); i < size;) {
    const auto begin = static_cast<size_t>(i);
    UChar32 c = 0;
    U8_NEXT(all.folded.data(), i, size, c);
    if (c >= 0 && u_isUWhiteSpace(c)) {
      gap = true;
      continue;
    }
    // The space stands for all that was between.
    if (gap && !line.folded.empty()) Append(line, " ", line.ends.back(), all.begins[begin]);
    gap = false;
    for (auto k = begin; k < static_cast<size_t>(i); ++k) {
      Append(line, std::string_view(all.folded).substr(k, 1), all.begins[k], all.ends[k]);
    }
  }
  return line;
}

std::vector<SpannedWord> WordsWithSpans(const FoldedText& text) {
  std::vector<SpannedWord> words;
  size_t from = 0;
  for (std::string& word : SplitWords(text.folded)) {
    // What stands between words holds nothing that a word can begin with.
    const size_t at = text.folded.find(word, from);
    from = at + word.size();
    words.push_back({std::move(word), text.begins[at], text.ends[from - 1]});
  }
  return words;
}

}  // namespace stockroom::api
