#include "services/api/gateway/picture_preferences.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr double kLargestDpr = 8;
constexpr int kWidestHint = 16384;
// More media ranges than any browser sends; the rest is not read.
constexpr int kMostRanges = 32;

std::string_view Trimmed(std::string_view text) { return Sv(absl::StripAsciiWhitespace(Av(text))); }

// The next part up to `separator`; `rest` is what follows.
std::string_view NextPart(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = Trimmed(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

// "0", "0.8", "1.000"; what is none counts as 1, as if it were absent.
int Thousandths(std::string_view text) {
  double value = 1;
  if (text.size() > 5 || !absl::SimpleAtod(Av(text), &value) || !(value >= 0 && value <= 1)) {
    return 1000;
  }
  return static_cast<int>(value * 1000 + 0.5);
}

int QualityOf(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = NextPart(parameters, ';');
    if (parameter.starts_with("q=") || parameter.starts_with("Q=")) {
      return Thousandths(parameter.substr(2));
    }
  }
  return 1000;
}

void ReadAccept(std::string_view accept, Preferences& out) {
  int any = -1;
  int any_image = -1;
  int named[5] = {-1, -1, -1, -1, -1};
  constexpr std::string_view kNames[5] = {"image/avif", "image/webp", "image/jpeg", "image/png",
                                          "image/gif"};
  for (int i = 0; i < kMostRanges && !accept.empty(); ++i) {
    std::string_view range = NextPart(accept, ',');
    const std::string_view type = NextPart(range, ';');
    const int quality = QualityOf(range);
    if (type == "*/*") any = quality;
    if (http::EqualsIgnoreCase(type, "image/*")) any_image = quality;
    for (size_t n = 0; n < 5; ++n) {
      if (http::EqualsIgnoreCase(type, kNames[n])) named[n] = quality;
    }
  }
  const int others = std::max(any_image >= 0 ? any_image : any, 0);
  const auto known_to_all = [&](int quality) { return quality >= 0 ? quality : others; };
  out.avif = std::max(named[0], 0);
  out.webp = std::max(named[1], 0);
  out.jpeg = known_to_all(named[2]);
  out.png = known_to_all(named[3]);
  out.gif = known_to_all(named[4]);
}

// The newer name first.
std::string_view Hint(const http::Headers& headers, std::string_view newer,
                      std::string_view older) {
  const auto value = headers.Find(newer);
  return Trimmed(value ? *value : headers.Get(older));
}

int Pixels(std::string_view text) {
  int value = 0;
  return absl::SimpleAtoi(Av(text), &value) && value > 0 ? std::min(value, kWidestHint) : 0;
}

}  // namespace

Preferences ReadPreferences(const http::Headers& headers, bool client_hints) {
  Preferences out;
  if (const auto accept = headers.Find("Accept"); accept && !Trimmed(*accept).empty()) {
    ReadAccept(*accept, out);
  }
  if (!client_hints) return out;
  double dpr = 0;
  if (absl::SimpleAtod(Av(Hint(headers, "Sec-CH-DPR", "DPR")), &dpr) && dpr > 0) {
    out.dpr = std::min(dpr, kLargestDpr);
  }
  out.width = Pixels(Hint(headers, "Sec-CH-Width", "Width"));
  out.viewport_width = Pixels(Hint(headers, "Sec-CH-Viewport-Width", "Viewport-Width"));
  out.save_data = http::EqualsIgnoreCase(Trimmed(headers.Get("Save-Data")), "on");
  return out;
}

}  // namespace stockroom::api
