// Push parsers must find the same however their input is cut into pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace stockroom::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// Calls `feed(piece)` with pieces of `text` until it returns false: sizes from 1 to 16, decided by
// `seed`.
template <typename Feed>
void InPieces(std::string_view text, uint64_t seed, Feed feed) {
  while (!text.empty()) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const size_t size = std::min<size_t>(text.size(), 1 + (seed >> 60));
    if (!feed(text.substr(0, size))) return;
    text.remove_prefix(size);
  }
}

template <typename Feed>
void InBytes(std::string_view text, Feed feed) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!feed(text.substr(i, 1))) return;
  }
}

}  // namespace stockroom::fuzz
