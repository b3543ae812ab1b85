#include "services/api/search/text/typo.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace stockroom::api {
namespace {

// Words are short; longer ones cost an allocation.
constexpr size_t kUsualLetters = 64;
constexpr int kMaxMost = 2;
constexpr int kBand = 2 * kMaxMost + 1;

// Code points; a byte that is not UTF-8 is one of its own, beyond all others.
class Letters {
 public:
  explicit Letters(std::string_view text) {
    if (text.size() > usual_.size()) {
      large_.resize(text.size());
      begin_ = large_.data();
    }
    for (size_t i = 0; i < text.size();) i += Decode(text, i, begin_[size_++]);
  }
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;

  char32_t* begin() const { return begin_; }
  int size() const { return static_cast<int>(size_); }

 private:
  static size_t Decode(std::string_view text, size_t at, char32_t& letter) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    letter = lead;
    if (lead < 0x80) return 1;
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    letter = 0x110000u + lead;
    if (length == 0 || at + length > text.size()) return 1;
    char32_t decoded = lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return 1;
      decoded = decoded << 6 | (byte(at + i) & 0x3fu);
    }
    letter = decoded;
    return length;
  }

  std::array<char32_t, kUsualLetters> usual_;
  std::vector<char32_t> large_;
  char32_t* begin_ = usual_.data();
  size_t size_ = 0;
};

// Row i of the table of distances between beginnings, of which only the columns i - most to
// i + most can be at most `most`: column j stands at j - i + most.
using Row = std::array<int, kBand>;

int BandedDistance(const char32_t* a, int a_size, const char32_t* b, int b_size, int most) {
  const int width = 2 * most + 1;
  const int far = most + 1;
  Row before{};
  Row previous{};
  Row row{};
  for (int d = 0; d < width; ++d) previous[d] = d < most ? far : d - most;
  for (int i = 1; i <= a_size; ++i) {
    int least = far;
    for (int d = 0; d < width; ++d) {
      const int j = i - most + d;
      int best = far;
      if (j == 0) best = std::min(i, far);
      if (j >= 1 && j <= b_size) {
        best = previous[d] + (a[i - 1] == b[j - 1] ? 0 : 1);
        if (d + 1 < width) best = std::min(best, previous[d + 1] + 1);
        if (d > 0) best = std::min(best, row[d - 1] + 1);
        // Two neighbours swapped.
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
          best = std::min(best, before[d] + 1);
        }
        best = std::min(best, far);
      }
      row[d] = best;
      least = std::min(least, best);
    }
    if (least == far) return far;
    before = previous;
    previous = row;
  }
  return previous[b_size - a_size + most];
}

}  // namespace

int TypoDistance(std::string_view a, std::string_view b, int most) {
  most = std::clamp(most, 0, kMaxMost);
  if (a == b) return 0;
  const Letters left(a);
  const Letters right(b);
  const char32_t* x = left.begin();
  const char32_t* y = right.begin();
  int x_size = left.size();
  int y_size = right.size();
  if (most == 0 || std::abs(x_size - y_size) > most) return most + 1;
  // What both begin and end with costs nothing.
  while (x_size > 0 && y_size > 0 && *x == *y) ++x, ++y, --x_size, --y_size;
  while (x_size > 0 && y_size > 0 && x[x_size - 1] == y[y_size - 1]) --x_size, --y_size;
  return BandedDistance(x, x_size, y, y_size, most);
}

}  // namespace stockroom::api
