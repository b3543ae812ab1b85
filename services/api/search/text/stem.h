// Forms of a word by Snowball's algorithms (libstemmer).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stockroom::api {

// "danish", "dutch", "english", ..., as sorted names.
const std::vector<std::string>& StemmingLanguages();
bool IsStemmingLanguage(std::string_view language);

// The stem of a folded word; the word itself for an unknown language. Thread-safe.
std::string Stem(std::string_view language, std::string_view word);

// The beginning that every form of the word shares, for looking through a sorted dictionary: the
// forms are among the terms with this prefix, and those of equal Stem.
std::string StemPrefix(std::string_view language, std::string_view word);

// What a search with stemming finds: `other` begins with the StemPrefix of `word` and has its Stem.
// The few forms that share less ("die", "dying"; Arabic articles) are other words.
bool IsFormOf(std::string_view language, std::string_view word, std::string_view other);

}  // namespace stockroom::api
