#include "services/api/search/suggest/near_terms.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace stockroom::api {
namespace {

// Of well-formed UTF-8; each with the byte behind it.
struct Letter {
  char32_t code = 0;
  uint32_t end = 0;
};

void LettersOf(std::string_view text, std::vector<Letter>& letters) {
  letters.clear();
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    char32_t code = lead < 0x80 ? lead : lead & (lead < 0xe0 ? 0x1f : lead < 0xf0 ? 0x0f : 0x07);
    if (lead >= 0x80) {
      while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) {
        code = code << 6 | (static_cast<unsigned char>(text[i++]) & 0x3f);
      }
    }
    letters.push_back({code, static_cast<uint32_t>(i)});
  }
}

// What a leap costs in rows of distances.
constexpr uint32_t kLeap = 4;
constexpr size_t kLongestLetter = 4;  // bytes in UTF-8

class Walk {
 public:
  Walk(std::string_view word, int typos) : typos_(typos) {
    LettersOf(word, word_);
    longest_ = (word_.size() + static_cast<size_t>(typos) + 1) * kLongestLetter;
    rows_.emplace_back();
    for (size_t j = 0; j <= word_.size(); ++j) rows_[0].push_back(static_cast<int>(j));
  }

  // How many letters it takes to see that `term` is too far; 0 if it is not, then `distance` is.
  size_t TooFar(std::string_view term, int& distance) {
    // What is longer has more letters than may be missing.
    LettersOf(term.substr(0, longest_), letters_);
    size_t same = 0;
    while (same < std::min(letters_.size(), before_.size()) &&
           letters_[same].code == before_[same].code) {
      ++same;
    }
    before_.swap(letters_);
    for (size_t row = std::min(same, valid_) + 1; row <= before_.size(); ++row) {
      ++rows_computed_;
      if (Row(row) <= typos_) continue;
      valid_ = row;
      return row;
    }
    valid_ = before_.size();
    distance = rows_[valid_].back();
    return 0;
  }
  uint32_t EndOf(size_t letters) const { return before_[letters - 1].end; }
  uint32_t TakeRowsComputed() { return std::exchange(rows_computed_, 0); }

 private:
  // Computes it from the rows before; gives its least.
  int Row(size_t row) {
    if (rows_.size() <= row) rows_.emplace_back(word_.size() + 1);
    std::vector<int>& now = rows_[row];
    const std::vector<int>& last = rows_[row - 1];
    const char32_t code = before_[row - 1].code;
    now[0] = static_cast<int>(row);
    int least = now[0];
    for (size_t j = 1; j <= word_.size(); ++j) {
      const bool equal = word_[j - 1].code == code;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (equal ? 0 : 1)});
      if (row > 1 && j > 1 && word_[j - 2].code == code &&
          word_[j - 1].code == before_[row - 2].code) {
        now[j] = std::min(now[j], rows_[row - 2][j - 2] + 1);
      }
      least = std::min(least, now[j]);
    }
    return least;
  }

  const int typos_;
  size_t longest_ = 0;  // bytes of a term that are looked at
  uint32_t rows_computed_ = 0;
  std::vector<Letter> word_;
  std::vector<Letter> letters_;
  std::vector<Letter> before_;          // of the term before
  size_t valid_ = 0;                    // rows of it that were computed
  std::vector<std::vector<int>> rows_;  // rows_[n]: of its first n letters
};

}  // namespace

void VisitNearTerms(const RankedTerms& terms, const TermTexts& texts, std::string_view word,
                    int typos, uint32_t& steps,
                    absl::FunctionRef<void(RankedTerms::Change, int)> visit) {
  std::vector<Letter> letters;
  LettersOf(word, letters);
  if (letters.empty()) return;
  const std::string_view first = word.substr(0, letters[0].end);
  terms.ForEachTable(first, [&](const RankedTerms::Table& table, uint32_t begin, uint32_t end) {
    Walk walk(word, typos);
    for (uint32_t at = begin; at < end && steps > 0;) {
      const std::string_view term = texts.text(table.ids[at]);
      int distance = 0;
      const size_t too_far = walk.TooFar(term, distance);
      const uint32_t taken = 1 + walk.TakeRowsComputed() + (too_far == 0 ? 0 : kLeap);
      steps -= std::min(steps, taken);
      if (too_far == 0) {
        if (distance > 0 && distance <= typos && table.counts[at] > 0) {
          visit({table.ids[at], table.counts[at]}, distance);
        }
        ++at;
        continue;
      }
      // Behind all that begins so: 0xff is in no UTF-8.
      at = table.LowerBound(texts, std::string(term.substr(0, walk.EndOf(too_far))) + '\xff', at);
    }
  });
}

}  // namespace stockroom::api
