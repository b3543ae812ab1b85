#include "services/api/search/similar/looks.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "absl/strings/escaping.h"
#include "services/api/search/similar/oklab.h"
#include "services/api/search/similar/result_reader.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// What processors find is a few hundred bytes; more is somebody's late result under their name.
constexpr size_t kMostBytes = 4096;

// The result of one processor; "" if there is none that could be one.
std::string_view ResultOf(const std::map<std::string, std::string>& analysis,
                          const std::string& name) {
  const auto it = analysis.find(name);
  return it == analysis.end() || it->second.size() > kMostBytes ? std::string_view() : it->second;
}

// Reads a ThumbHash. Layout: 24 bits, 16 bits, a byte if there is alpha, then nibbles.
class HashReader {
 public:
  using Coefficients = std::array<int8_t, Looks::kCoefficients>;
  explicit HashReader(std::string_view hash) : hash_(hash) {}

  std::optional<Coefficients> Read() {
    if (hash_.size() < 5) return std::nullopt;
    const uint32_t header = Byte(0) | Byte(1) << 8 | Byte(2) << 16;
    const uint32_t more = Byte(3) | Byte(4) << 8;
    const bool has_alpha = (header >> 23) != 0;
    const bool landscape = (more >> 15) != 0;
    const int longest = has_alpha ? 5 : 7;
    const int shortest = static_cast<int>(more & 7);
    nibble_ = (has_alpha ? 6 : 5) * 2;
    Put(0, static_cast<float>(header & 63) / 63 - 0.5F);
    Put(kL, (static_cast<float>(header >> 6 & 63) / 31.5F - 1) / 2);
    Put(kL + kPq, (static_cast<float>(header >> 12 & 63) / 31.5F - 1) / 2);
    const int nx = std::max(3, landscape ? longest : shortest);
    const int ny = std::max(3, landscape ? shortest : longest);
    const bool whole = Channel(0, 3, nx, ny, static_cast<float>(header >> 18 & 31) / 31) &&
                       Channel(kL, 2, 3, 3, static_cast<float>(more >> 3 & 63) / 63 / 2) &&
                       Channel(kL + kPq, 2, 3, 3, static_cast<float>(more >> 9 & 63) / 63 / 2);
    return whole ? std::optional(out_) : std::nullopt;
  }

 private:
  static constexpr int kL = 10;  // coefficients kept of L: cx + cy up to 3
  static constexpr int kPq = 6;  // of P and Q each: cx + cy up to 2
  static_assert(kL + 2 * kPq == Looks::kCoefficients);

  uint32_t Byte(size_t i) const { return static_cast<uint8_t>(hash_[i]); }

  void Put(int at, float value) {
    const float units = std::clamp(value * Looks::kUnit, -127.0F, 127.0F);
    out_[at] = static_cast<int8_t>(units + (units < 0 ? -0.5F : 0.5F));  // rounded
  }

  // A channel's nibbles in the order of the hash; those of frequencies up to `kept` are put behind
  // the mean at `begin`. False when the hash ends too early.
  bool Channel(int begin, int kept, int nx, int ny, float scale) {
    for (int cy = 0; cy < ny; ++cy) {
      for (int cx = cy == 0 ? 1 : 0; cx * ny < nx * (ny - cy); ++cx) {
        const size_t byte = nibble_ / 2;
        if (byte >= hash_.size()) return false;
        const uint32_t nibble = Byte(byte) >> (nibble_ % 2 * 4) & 15;
        ++nibble_;
        if (cx + cy > kept) continue;
        // The hash holds means of value * cos * cos; a wave's mean square is 1/2 a direction.
        const float energy = cx > 0 && cy > 0 ? 2.0F : static_cast<float>(M_SQRT2);
        Put(begin + IndexOf(cx, cy, kept),
            (static_cast<float>(nibble) / 7.5F - 1) * scale * energy);
      }
    }
    return true;
  }

  // Of (cx, cy) among those with cx + cy <= kept, row by row.
  static int IndexOf(int cx, int cy, int kept) {
    int index = cx;
    for (int row = 0; row < cy; ++row) index += kept + 1 - row;
    return index;
  }

  const std::string_view hash_;
  size_t nibble_ = 0;
  Coefficients out_{};
};

std::optional<uint32_t> RgbOf(std::string_view hex) {
  if (hex.size() != 7 || hex[0] != '#') return std::nullopt;
  uint32_t rgb = 0;
  for (const char c : hex.substr(1)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    rgb = rgb << 4 | static_cast<uint32_t>(digit);
  }
  return rgb;
}

Looks::Color Packed(uint32_t rgb, double weight) {
  const auto step = [](double value, double steps, int zero) {
    return static_cast<uint32_t>(
        std::clamp(static_cast<int>(std::lround(value * steps)) + zero, 0, 63));
  };
  const Oklab lab = OklabOf(rgb);
  // Every colour counts for something.
  const double share = std::clamp(weight, 1.0 / 63, 1.0);
  const uint32_t bits = step(lab.l, 63, 0) |
                        step(lab.a, 1 / Looks::Color::kStep, Looks::Color::kZeroA) << 6 |
                        step(lab.b, 1 / Looks::Color::kStep, Looks::Color::kZeroB) << 12 |
                        static_cast<uint32_t>(std::lround(share * 63)) << 18;
  return {{static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8),
           static_cast<uint8_t>(bits >> 16)}};
}

// {"hex": "#rrggbb", "weight": 0.25}; nothing if it is something else that can be skipped.
std::optional<Looks::Color> ReadColor(ResultReader& reader) {
  if (reader.Peek() != '{') {
    reader.Skip();
    return std::nullopt;
  }
  std::optional<uint32_t> rgb;
  std::optional<double> weight;
  std::string_view key;
  for (reader.Enter('{'); reader.NextMember(key);) {
    if (key == "hex" && reader.Peek() == '"') {
      rgb = RgbOf(reader.String());
    } else if (key == "weight" && reader.Peek() == '0') {
      weight = reader.Number();
    } else {
      reader.Skip();
    }
  }
  if (!rgb || !weight) return std::nullopt;
  return Packed(*rgb, *weight);
}

using Palette = std::array<Looks::Color, Looks::kColors>;

Palette ReadPalette(std::string_view result) {
  ResultReader reader(result);
  Palette palette{};
  std::string_view key;
  for (reader.Enter('{'); reader.NextMember(key);) {
    if (key != "colors" || reader.Peek() != '[') {
      reader.Skip();
      continue;
    }
    palette = {};
    size_t kept = 0;
    for (reader.Enter('['); reader.NextElement();) {
      if (kept == palette.size()) {
        reader.Skip();
      } else if (const std::optional<Looks::Color> color = ReadColor(reader)) {
        palette[kept++] = *color;
      }
    }
  }
  return reader.ok() && reader.AtEnd() ? palette : Palette{};
}

std::optional<HashReader::Coefficients> ReadHash(std::string_view result) {
  ResultReader reader(result);
  std::string_view base64;
  std::string_view key;
  for (reader.Enter('{'); reader.NextMember(key);) {
    if (key == "base64" && reader.Peek() == '"') {
      base64 = reader.String();
    } else {
      reader.Skip();
    }
  }
  std::string hash;
  if (!reader.ok() || !reader.AtEnd() || !absl::Base64Unescape(Av(base64), &hash)) {
    return std::nullopt;
  }
  return HashReader(hash).Read();
}

// A palette's colours in steps, lightness in those of chroma, too: distances are then hypotenuses.
struct Unpacked {
  struct One {
    float l, a, b, weight;
  };
  std::array<One, Looks::kColors> colors;
  int count = 0;

  explicit Unpacked(const Looks& looks) {
    constexpr auto kLightness = static_cast<float>(1 / 63.0 / Looks::Color::kStep);
    for (const Looks::Color& color : looks.palette) {
      if (color.weight() == 0) break;
      const uint32_t code = color.code();
      colors[count++] = {static_cast<float>(code & 63) * kLightness,
                         static_cast<float>(code >> 6 & 63), static_cast<float>(code >> 12 & 63),
                         static_cast<float>(color.weight())};
    }
  }
};

// The mean way from x's colours to y's nearest.
float Way(const Unpacked& x, const Unpacked& y) {
  float sum = 0;
  float weights = 0;
  for (int i = 0; i < x.count; ++i) {
    const Unpacked::One& from = x.colors[i];
    float nearest = 1e9F;
    for (int j = 0; j < y.count; ++j) {
      const Unpacked::One& to = y.colors[j];
      const float dl = from.l - to.l;
      const float da = from.a - to.a;
      const float db = from.b - to.b;
      nearest = std::min(nearest, dl * dl + da * da + db * db);
    }
    sum += from.weight * std::sqrt(nearest) * static_cast<float>(Looks::Color::kStep);
    weights += from.weight;
  }
  return sum / weights;
}

}  // namespace

std::optional<Looks> LooksOf(const std::map<std::string, std::string>& analysis) {
  static const std::string kThumbhash = "thumbhash";
  static const std::string kPalette = "palette";
  const auto blurred = ReadHash(ResultOf(analysis, kThumbhash));
  if (!blurred) return std::nullopt;
  return Looks{.blurred = *blurred, .palette = ReadPalette(ResultOf(analysis, kPalette))};
}

float BlurDistance(const Looks& a, const Looks& b) {
  int32_t sum = 0;
  for (int i = 0; i < Looks::kCoefficients; ++i) {
    const int32_t difference = a.blurred[i] - b.blurred[i];
    sum += difference * difference;
  }
  return std::min(1.0F, std::sqrt(static_cast<float>(sum)) / Looks::kUnit) / 2;
}

float PaletteDistance(const Looks& a, const Looks& b) {
  const Unpacked x(a);
  const Unpacked y(b);
  if (x.count == 0 || y.count == 0) return x.count == y.count ? 0 : 0.5F;
  return std::min(1.0F, (Way(x, y) + Way(y, x)) / 2) / 2;
}

}  // namespace stockroom::api
