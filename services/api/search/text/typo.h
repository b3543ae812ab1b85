// Words at a small edit distance. Pure.
#pragma once

#include <string_view>

namespace stockroom::api {

// Restricted Damerau-Levenshtein distance in code points (insert, delete, replace, swap of two
// neighbours, none edited twice), or `most` + 1 if it is more than `most` (0 to 2).
int TypoDistance(std::string_view a, std::string_view b, int most);

}  // namespace stockroom::api
