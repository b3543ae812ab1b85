#include "services/common/http/encoding.h"

#include <zlib.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/common/base/strings.h"

namespace stockroom::http {
namespace {

// Small answers hardly shrink more with more effort.
constexpr int kLevel = 4;
constexpr int kGzipFormat = 15 + 16;  // the largest window, and zlib's way to say gzip

// Of one element of the list, such as "gzip;q=0.5": its weight if it names `coding`, else -1.
double WeightFor(absl::string_view element, absl::string_view coding) {
  const std::vector<absl::string_view> parts = absl::StrSplit(element, ';');
  if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts[0]), coding)) return -1;
  for (size_t i = 1; i < parts.size(); ++i) {
    const absl::string_view parameter = absl::StripAsciiWhitespace(parts[i]);
    if (!absl::StartsWithIgnoreCase(parameter, "q=")) continue;
    double weight = 0;
    return absl::SimpleAtod(parameter.substr(2), &weight) ? weight : 0;
  }
  return 1;
}

}  // namespace

bool AcceptsGzip(std::string_view accept_encoding) {
  double any = -1;
  for (const absl::string_view element : absl::StrSplit(Av(accept_encoding), ',')) {
    const double weight = WeightFor(element, "gzip");
    if (weight >= 0) return weight > 0;
    any = std::max(any, WeightFor(element, "*"));
  }
  return any > 0;
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  // zlib takes what it reads as not const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);  // the output has room for all of it
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace stockroom::http
