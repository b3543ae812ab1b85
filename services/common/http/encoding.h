// Compressed answers (RFC 9110, section 12.5.3). Pure.
#pragma once

#include <string>
#include <string_view>

namespace stockroom::http {

// Whether Accept-Encoding allows gzip: named, or covered by "*", with a weight above 0.
bool AcceptsGzip(std::string_view accept_encoding);

// `text` as gzip. Costs about 10 ms a MiB: not for event loops.
std::string Gzip(std::string_view text);

}  // namespace stockroom::http
