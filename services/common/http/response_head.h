// The bytes in front of a response's body. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/common/http/message.h"

namespace stockroom::http {

struct Framing {
  bool keep_alive = true;
  bool http_1_0 = false;
  bool chunked = false;
  std::optional<int64_t> content_length;
};

// Status line and header fields. Header fields whose value holds control characters are left out: a
// line break in one would let its author write headers.
std::string SerializeHead(const Response& response, const Framing& framing,
                          std::string_view request_id, absl::Time now);

// 1xx, 204 and 304 have none.
inline bool StatusHasBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace stockroom::http
