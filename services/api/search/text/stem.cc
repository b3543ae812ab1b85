#include "services/api/search/text/stem.h"

#include <libstemmer.h>

#include <algorithm>
#include <map>
#include <memory>

namespace stockroom::api {
namespace {

// Words of fewer letters than this keep all that they share with their stem.
constexpr size_t kPrefixLetters = 2;
// Longer words are not words of a language.
constexpr size_t kMaxWordBytes = 200;

using Stemmer = std::unique_ptr<sb_stemmer, decltype(&sb_stemmer_delete)>;

// A stemmer has a buffer of its own, so each thread has its own; at most one a language.
sb_stemmer* StemmerOf(std::string_view language) {
  thread_local std::map<std::string, Stemmer, std::less<>> stemmers;
  const auto found = stemmers.find(language);
  if (found != stemmers.end()) return found->second.get();
  if (!IsStemmingLanguage(language)) return nullptr;
  const std::string name(language);
  Stemmer stemmer(sb_stemmer_new(name.c_str(), "UTF_8"), &sb_stemmer_delete);
  return stemmers.emplace(name, std::move(stemmer)).first->second.get();
}

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// The first `count` characters.
std::string_view FirstCharacters(std::string_view text, size_t count) {
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if (StartsCharacter(text[end]) && count-- == 0) break;
  }
  return text.substr(0, end);
}

}  // namespace

const std::vector<std::string>& StemmingLanguages() {
  static const auto* const languages = [] {
    auto* names = new std::vector<std::string>;
    for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) names->push_back(*name);
    std::sort(names->begin(), names->end());
    return names;
  }();
  return *languages;
}

bool IsStemmingLanguage(std::string_view language) {
  const std::vector<std::string>& languages = StemmingLanguages();
  return std::binary_search(languages.begin(), languages.end(), language);
}

std::string Stem(std::string_view language, std::string_view word) {
  sb_stemmer* stemmer = word.size() > kMaxWordBytes ? nullptr : StemmerOf(language);
  if (stemmer == nullptr) return std::string(word);
  const sb_symbol* stem = sb_stemmer_stem(stemmer, reinterpret_cast<const sb_symbol*>(word.data()),
                                          static_cast<int>(word.size()));
  // Null when out of memory.
  if (stem == nullptr) return std::string(word);
  return std::string(reinterpret_cast<const char*>(stem),
                     static_cast<size_t>(sb_stemmer_length(stemmer)));
}

std::string StemPrefix(std::string_view language, std::string_view word) {
  const std::string stem = Stem(language, word);
  const auto shared = std::mismatch(word.begin(), word.end(), stem.begin(), stem.end());
  std::string_view prefix = word.substr(0, static_cast<size_t>(shared.first - word.begin()));
  // Whole characters; and one less, as the last letter of a stem is often another one in the word:
  // "happy", "happier".
  while (!prefix.empty() && prefix.size() < word.size() && !StartsCharacter(word[prefix.size()])) {
    prefix.remove_suffix(1);
  }
  while (!prefix.empty() && !StartsCharacter(prefix.back())) prefix.remove_suffix(1);
  if (!prefix.empty()) prefix.remove_suffix(1);
  const std::string_view least = FirstCharacters(word, kPrefixLetters);
  return std::string(prefix.size() < least.size() ? least : prefix);
}

bool IsFormOf(std::string_view language, std::string_view word, std::string_view other) {
  return other.starts_with(StemPrefix(language, word)) &&
         Stem(language, other) == Stem(language, word);
}

}  // namespace stockroom::api
