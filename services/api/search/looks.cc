#include "services/api/search/looks.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/escaping.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// What processors find is a few hundred bytes; more is somebody's late result under their name.
constexpr size_t kMostBytes = 4096;

// The result of one processor as an object; null if there is none that is one.
json ResultOf(const std::map<std::string, std::string>& analysis, const std::string& name) {
  const auto it = analysis.find(name);
  if (it == analysis.end() || it->second.size() > kMostBytes) return nullptr;
  json result = json::parse(it->second, nullptr, false);
  return result.is_object() ? result : nullptr;
}

// Reads a ThumbHash. Layout: 24 bits, 16 bits, a byte if there is alpha, then nibbles.
class HashReader {
 public:
  explicit HashReader(std::string_view hash) : hash_(hash) {}

  std::optional<std::array<int16_t, Looks::kCoefficients>> Read() {
    if (hash_.size() < 5) return std::nullopt;
    const uint32_t header = Byte(0) | Byte(1) << 8 | Byte(2) << 16;
    const uint32_t more = Byte(3) | Byte(4) << 8;
    const bool has_alpha = (header >> 23) != 0;
    const bool landscape = (more >> 15) != 0;
    const int longest = has_alpha ? 5 : 7;
    const int shortest = static_cast<int>(more & 7);
    nibble_ = (has_alpha ? 6 : 5) * 2;
    Put(0, (header & 63) / 63.0);
    Put(kL, (header >> 6 & 63) / 31.5 - 1, 0.5);
    Put(kL + kPq, (header >> 12 & 63) / 31.5 - 1, 0.5);
    const int nx = std::max(3, landscape ? longest : shortest);
    const int ny = std::max(3, landscape ? shortest : longest);
    const bool whole = Channel(0, 3, nx, ny, (header >> 18 & 31) / 31.0, 1) &&
                       Channel(kL, 2, 3, 3, (more >> 3 & 63) / 63.0, 0.5) &&
                       Channel(kL + kPq, 2, 3, 3, (more >> 9 & 63) / 63.0, 0.5);
    return whole ? std::optional(out_) : std::nullopt;
  }

 private:
  static constexpr int kL = 10;  // coefficients kept of L: cx + cy up to 3
  static constexpr int kPq = 6;  // of P and Q each: cx + cy up to 2

  uint32_t Byte(size_t i) const { return static_cast<uint8_t>(hash_[i]); }

  void Put(int at, double value, double weight = 1) {
    out_[at] = static_cast<int16_t>(std::lround(value * weight * Looks::kUnit));
  }

  // A channel's nibbles in the order of the hash; those of frequencies up to `kept` are put behind
  // the mean at `begin`. False when the hash ends too early.
  bool Channel(int begin, int kept, int nx, int ny, double scale, double weight) {
    for (int cy = 0; cy < ny; ++cy) {
      for (int cx = cy == 0 ? 1 : 0; cx * ny < nx * (ny - cy); ++cx) {
        const size_t byte = nibble_ / 2;
        if (byte >= hash_.size()) return false;
        const uint32_t nibble = Byte(byte) >> (nibble_ % 2 * 4) & 15;
        ++nibble_;
        if (cx + cy > kept) continue;
        // The hash holds means of value * cos * cos; a wave's mean square is 1/2 a direction.
        const double energy = cx > 0 && cy > 0 ? 2 : M_SQRT2;
        Put(begin + IndexOf(cx, cy, kept), (nibble / 7.5 - 1) * scale * energy, weight);
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
  std::array<int16_t, Looks::kCoefficients> out_{};
};

double ToLinear(int byte) {
  const double v = byte / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

std::optional<Looks::Color> ColorOf(const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  const auto hex = entry.find("hex");
  const auto weight = entry.find("weight");
  if (hex == entry.end() || !hex->is_string() || weight == entry.end() || !weight->is_number()) {
    return std::nullopt;
  }
  const std::string& text = hex->get_ref<const std::string&>();
  if (text.size() != 7 || text[0] != '#') return std::nullopt;
  int rgb = 0;
  for (const char c : std::string_view(text).substr(1)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    rgb = rgb << 4 | digit;
  }
  const double r = ToLinear(rgb >> 16);
  const double g = ToLinear(rgb >> 8 & 255);
  const double b = ToLinear(rgb & 255);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const auto unit = [](double v) {
    return static_cast<int8_t>(std::lround(std::clamp(v, -1.0, 1.0) * 127));
  };
  // Every colour counts for something.
  const double share = std::clamp(weight->get<double>(), 1.0 / 255, 1.0);
  return Looks::Color{.lightness = unit(0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s),
                      .a = unit(1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s),
                      .b = unit(0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s),
                      .weight = static_cast<uint8_t>(std::lround(share * 255))};
}

// The mean way from x's colours to y's nearest.
float Way(const Looks& x, const Looks& y) {
  float sum = 0;
  float weights = 0;
  for (const Looks::Color& from : x.palette) {
    if (from.weight == 0) break;
    int nearest = 3 * 255 * 255;
    for (const Looks::Color& to : y.palette) {
      if (to.weight == 0) break;
      const int dl = from.lightness - to.lightness;
      const int da = from.a - to.a;
      const int db = from.b - to.b;
      nearest = std::min(nearest, dl * dl + da * da + db * db);
    }
    sum += static_cast<float>(from.weight) * std::sqrt(static_cast<float>(nearest)) / 127;
    weights += static_cast<float>(from.weight);
  }
  return sum / weights;
}

}  // namespace

std::optional<Looks> LooksOf(const std::map<std::string, std::string>& analysis) {
  const json thumbhash = ResultOf(analysis, "thumbhash");
  if (!thumbhash.is_object()) return std::nullopt;
  const auto base64 = thumbhash.find("base64");
  std::string hash;
  if (base64 == thumbhash.end() || !base64->is_string() ||
      !absl::Base64Unescape(base64->get_ref<const std::string&>(), &hash)) {
    return std::nullopt;
  }
  const auto blurred = HashReader(hash).Read();
  if (!blurred) return std::nullopt;
  Looks looks{.blurred = *blurred};
  const json palette = ResultOf(analysis, "palette");
  if (!palette.is_object()) return looks;
  const auto colors = palette.find("colors");
  if (colors == palette.end() || !colors->is_array()) return looks;
  size_t kept = 0;
  for (const json& entry : *colors) {
    const std::optional<Looks::Color> color = ColorOf(entry);
    if (color && kept < looks.palette.size()) looks.palette[kept++] = *color;
  }
  return looks;
}

float BlurDistance(const Looks& a, const Looks& b) {
  int32_t sum = 0;
  for (int i = 0; i < Looks::kCoefficients; ++i) {
    const int32_t difference = a.blurred[i] - b.blurred[i];
    sum += difference * difference;
  }
  return std::min(1.0f, std::sqrt(static_cast<float>(sum)) / Looks::kUnit) / 2;
}

float PaletteDistance(const Looks& a, const Looks& b) {
  const bool a_empty = a.palette[0].weight == 0;
  const bool b_empty = b.palette[0].weight == 0;
  if (a_empty || b_empty) return a_empty == b_empty ? 0 : 0.5f;
  return std::min(1.0f, (Way(a, b) + Way(b, a)) / 2) / 2;
}

}  // namespace stockroom::api
