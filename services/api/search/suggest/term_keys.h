// What a dictionary of suggestions holds: words as they are; behind one of these bytes, which no
// word holds, folded tags and cameras; and, where it differs, how somebody spells one: the folded
// text, kSpelled, the spelling.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/api/search/suggest/term_texts.h"

namespace stockroom::api::term_keys {

inline constexpr char kTag = '\x01';
inline constexpr char kTagSpelling = '\x02';
inline constexpr char kCamera = '\x03';
inline constexpr char kCameraSpelling = '\x04';
inline constexpr char kSpelled = '\0';

// Leaves out what is too long to be one.
inline void AddKey(std::vector<std::string>& keys, std::string key) {
  if (key.size() <= TermTexts::kLongest) keys.push_back(std::move(key));
}

// If it is spelled otherwise than `line`, the folded text.
inline void AddSpelling(std::vector<std::string>& keys, char spelling_key, std::string_view spelled,
                        const std::string& line) {
  if (line != spelled) AddKey(keys, (spelling_key + line + kSpelled).append(spelled));
}

inline void AddSpelled(std::vector<std::string>& keys, char folded_key, char spelling_key,
                       std::string_view spelled, const std::string& line) {
  AddKey(keys, folded_key + line);
  AddSpelling(keys, spelling_key, spelled, line);
}

}  // namespace stockroom::api::term_keys
