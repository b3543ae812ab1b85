// Reading the head of an HTTP/1.1 request, strictly. Pure.
//
// Written here instead of using Beast's parser because Beast accepts what must be refused (folded
// headers), and a guard in front of it would have to understand the whole head anyway. Everything
// on which two HTTP implementations could disagree is an error: that is how requests are smuggled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/http/message.h"

namespace stockroom::http {

struct RequestHead {
  std::string method;
  std::string path;
  std::string query;
  Headers headers;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool chunked = false;
  bool expect_continue = false;
  std::optional<int64_t> content_length;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// Looks for the end of the head in bytes that arrive bit by bit. `from` is where the last call
// stopped (0 at first) and is moved. Returns the head's length, its final empty line included, or
// nullopt if more bytes are needed. INVALID_ARGUMENT as soon as a line ends without CR.
absl::StatusOr<std::optional<size_t>> FindHeadEnd(std::string_view bytes, size_t* from);

// `head` as found by FindHeadEnd. Errors carry the reason BAD_REQUEST, EXPECTATION_FAILED,
// HTTP_VERSION_NOT_SUPPORTED, or the code UNIMPLEMENTED (a method or transfer coding nobody here
// knows).
absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head);

}  // namespace stockroom::http
