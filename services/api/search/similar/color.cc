#include "services/api/search/similar/color.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "services/api/search/similar/oklab.h"

namespace stockroom::api {
namespace {

struct NamedColor {
  std::string_view name;
  uint32_t rgb;
};
// Not a screen's pure colours, which photographs hardly have, but the middle of what people call so
// in one.
constexpr std::array<NamedColor, 12> kNamed = {{{"black", 0x0c0c0c},
                                                {"white", 0xf8f8f8},
                                                {"grey", 0x808080},
                                                {"red", 0xc02a26},
                                                {"orange", 0xe58a2e},
                                                {"yellow", 0xeecf3a},
                                                {"green", 0x4f8f3c},
                                                {"teal", 0x2f9a96},
                                                {"blue", 0x3568c0},
                                                {"purple", 0x7b3f9c},
                                                {"pink", 0xe888ac},
                                                {"brown", 0x7a4f2e}}};

// IEC 61966-2-1 to XYZ, by the white point D65, to CIE 1976 L*a*b*.
Lab OfLinear(const LinearRgb& rgb) {
  const auto [r, g, b] = rgb;
  const auto f = [](double t) {
    constexpr double kDelta = 6.0 / 29;
    return t > kDelta * kDelta * kDelta ? std::cbrt(t) : t / (3 * kDelta * kDelta) + 4.0 / 29;
  };
  const double x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const double y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
  const double z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);
  return {static_cast<float>(116 * y - 16), static_cast<float>(500 * (x - y)),
          static_cast<float>(200 * (y - z))};
}

bool AreNear(const Lab& x, const Lab& y) {
  const float dl = x.l - y.l;
  const float da = x.a - y.a;
  const float db = x.b - y.b;
  return dl * dl + da * da + db * db <= kColorDistance * kColorDistance;
}

using Names = uint16_t;

// What a stored colour is, by its code: three cube roots for each colour of each image would be
// most of a search. 2 MiB, filled at the first call.
class KnownColors {
 public:
  static const KnownColors& Get() {
    static const auto* const known = new KnownColors;
    return *known;
  }
  Lab lab(uint32_t code) const {
    const std::array<int16_t, 3>& lab = labs_[code];
    return {static_cast<float>(lab[0]) / kUnit, static_cast<float>(lab[1]) / kUnit,
            static_cast<float>(lab[2]) / kUnit};
  }
  // That HasColor finds it by.
  Names names(uint32_t code) const { return names_[code]; }

 private:
  static constexpr float kUnit = 64;

  KnownColors() : labs_(Looks::Color::kCodes), names_(Looks::Color::kCodes) {
    std::array<Lab, kNamed.size()> named;
    std::transform(kNamed.begin(), kNamed.end(), named.begin(),
                   [](const NamedColor& color) { return LabOf(color.rgb); });
    for (uint32_t code = 0; code < Looks::Color::kCodes; ++code) {
      const Lab exact = ColorOf(code);
      const auto packed = [](float v) { return static_cast<int16_t>(std::lround(v * kUnit)); };
      labs_[code] = {packed(exact.l), packed(exact.a), packed(exact.b)};
      for (size_t i = 0; i < named.size(); ++i) {
        if (AreNear(lab(code), named[i])) names_[code] |= static_cast<Names>(1u << i);
      }
    }
  }

  static Lab ColorOf(uint32_t code) {
    using Color = Looks::Color;
    const auto chroma = [code](int shift, int zero) {
      return (static_cast<int>(code >> shift & 63) - zero) * Color::kStep;
    };
    LinearRgb rgb =
        LinearOf(Oklab{(code & 63) / 63.0, chroma(6, Color::kZeroA), chroma(12, Color::kZeroB)});
    for (double& channel : rgb) channel = std::clamp(channel, 0.0, 1.0);
    return OfLinear(rgb);
  }

  std::vector<std::array<int16_t, 3>> labs_;  // in units of 1 / kUnit
  std::vector<Names> names_;
};

// Whether `part` of the weights of a palette is enough.
bool IsEnough(int part, int whole) {
  return static_cast<float>(part) >= kColorShare * static_cast<float>(whole);
}

}  // namespace

Lab LabOf(uint32_t rgb) { return OfLinear(LinearOf(rgb)); }

std::optional<uint32_t> RgbOfName(std::string_view name) {
  const auto is_name = [name](std::string_view other) {
    return std::equal(name.begin(), name.end(), other.begin(), other.end(), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
  };
  for (const NamedColor& color : kNamed) {
    if (is_name(color.name)) return color.rgb;
  }
  if (is_name("gray")) return RgbOfName("grey");
  return std::nullopt;
}

const std::vector<std::string_view>& ColorNames() {
  static const auto* const names = [] {
    auto* const all = new std::vector<std::string_view>;
    for (const NamedColor& color : kNamed) all->push_back(color.name);
    return all;
  }();
  return *names;
}

void PrepareColors() { KnownColors::Get(); }

bool HasColor(const Looks& looks, const Lab& color) {
  const KnownColors& known = KnownColors::Get();
  int whole = 0;
  int part = 0;
  for (const Looks::Color& one : looks.palette) {
    if (one.weight() == 0) break;
    whole += one.weight();
    if (AreNear(known.lab(one.code()), color)) part += one.weight();
  }
  return part > 0 && IsEnough(part, whole);
}

uint16_t ColorsOf(const Looks& looks) {
  const KnownColors& known = KnownColors::Get();
  std::array<int, kNamed.size()> parts{};
  int whole = 0;
  for (const Looks::Color& one : looks.palette) {
    if (one.weight() == 0) break;
    whole += one.weight();
    for (uint32_t names = known.names(one.code()); names != 0; names &= names - 1) {
      parts[static_cast<size_t>(__builtin_ctz(names))] += one.weight();
    }
  }
  uint16_t found = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] > 0 && IsEnough(parts[i], whole)) found |= static_cast<uint16_t>(1u << i);
  }
  return found;
}

}  // namespace stockroom::api
