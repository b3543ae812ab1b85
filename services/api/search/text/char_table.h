// What Unicode says about single characters, looked up once: asking it for each took longer than
// all else that is done with a text. For this folder only.
#pragma once

#include <unicode/umachine.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace stockroom::api::char_table {

// What a character is in a word: a space between words; a letter or digit that goes on; a mark of
// the one before; a word by itself.
enum class CharKind : uint8_t { kSeparator, kRun, kMark, kAlone };

struct Character {
  static constexpr uint8_t kDepends = 0xff;
  // Bytes of what it is folded to; kDepends: what becomes of it is known only with its neighbours,
  // or is too long for here.
  uint8_t size = kDepends;
  CharKind kind = CharKind::kSeparator;
  char bytes[6] = {};

  std::string_view folded() const { return {bytes, size}; }
};

// Of the Basic Multilingual Plane.
inline constexpr UChar32 kLastOfTable = 0xffff;
// `c` is 0 to kLastOfTable. Thread-safe, no lock; up to half a megabyte is kept of what was asked.
const Character& CharacterOf(UChar32 c);

// Of any character.
CharKind KindOf(UChar32 c);
// Folds a text as a whole, and appends it.
void FoldWhole(std::string_view text, std::string& folded);

}  // namespace stockroom::api::char_table
