// Text as the search sees it: without regard to case, accents and compatibility forms, in words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"

namespace stockroom::api {

// Case, accents, width and the like folded away; every script is kept. "Ångström" gives "angstrom",
// "Straße" "strasse", "ﬁn" "fin". Bytes that are not UTF-8 become U+FFFD.
std::string FoldText(std::string_view text);

// Folded, white space at the ends dropped and within runs reduced to one space: for comparing tags
// and finding text in descriptions.
std::string FoldLine(std::string_view text);
// True only if FoldLine gives the text itself, as it does for most tags; much faster than asking.
bool IsFoldedLine(std::string_view text);

// Words of folded text: runs of letters, digits and their marks. Scripts that are written without
// spaces (Han, kana, Thai, Lao, Khmer, Burmese) and symbols such as emoji give one word a
// character; a query finds runs of them as consecutive words.
std::vector<std::string> SplitWords(std::string_view folded);
// The same; each is a part of `folded`.
void ForEachWord(std::string_view folded, absl::FunctionRef<void(std::string_view)> visit);
// Whether a word that these give is such a character: "天", but not "sky".
bool IsOneCharacter(std::string_view word);

}  // namespace stockroom::api
