// Text for people: what strangers wrote made harmless, cut to the terminal's columns, and numbers
// in units that are read at a glance. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace stockroom::cli {

// `text` as one line that a terminal shows and never obeys: control characters (C0, DEL, C1, line
// breaks) become spaces, direction overrides and bytes that are not UTF-8 become U+FFFD. Titles,
// file names and server messages all go through here before they are printed.
std::string OneLine(std::string_view text);

// As OneLine for bytes that must only be valid UTF-8 (proto strings); controls stay.
std::string ToUtf8(std::string_view bytes);

// Columns that a terminal needs for clean text: 2 for wide East-Asian characters and emoji, 0 for
// combining marks.
int Columns(std::string_view text);

// `text` in exactly `columns` columns: padded on the right, or cut and ended with "…".
std::string Fit(std::string_view text, int columns);
// As Fit without the padding.
std::string Cut(std::string_view text, int columns);
std::string PadLeft(std::string_view text, int columns);

std::string HumanBytes(int64_t bytes);        // 999 B, 1.2 kB, 38 MB, 1.4 GB (powers of 1000)
std::string HumanCount(int64_t n);            // 12,345
std::string HumanDuration(absl::Duration d);  // 0.4 s, 12 s, 3:07, 2:03:11
std::string Plural(int64_t n, std::string_view what);  // 1 file, 2 files

}  // namespace stockroom::cli
