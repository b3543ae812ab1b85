// Folded text that knows where it came from. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stockroom::api {

// `folded` and for each of its bytes the bytes [begin, end) of the text that it was made of: whole
// characters, together with their marks.
struct FoldedText {
  std::string folded;
  std::vector<uint32_t> begins;
  std::vector<uint32_t> ends;
};
// `folded` is FoldText(text), or FoldLine(text).
FoldedText FoldTextWithSpans(std::string_view text);
FoldedText FoldLineWithSpans(std::string_view text);

struct SpannedWord {
  std::string word;
  uint32_t begin = 0;
  uint32_t end = 0;
};
// The words of SplitWords(folded), and where they stand in the text.
std::vector<SpannedWord> WordsWithSpans(const FoldedText& text);

}  // namespace stockroom::api
