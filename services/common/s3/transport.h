// HTTP as the S3 client needs it, as a seam: libcurl (curl_transport.h), or a server in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/s3/sigv4.h"

namespace stockroom::s3 {

// What is sent. It can be read again from any place, so every request can be sent again.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  virtual int64_t size() const = 0;
  // Exactly `size` bytes. Thread-safe.
  virtual absl::Status ReadAt(int64_t offset, char* to, size_t size) const = 0;
};

class TextBody final : public RequestBody {
 public:
  // Of bytes that outlive it.
  explicit TextBody(std::string_view bytes) : bytes_(bytes) {}
  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) const override;

 private:
  const std::string_view bytes_;
};

struct HttpRequest {
  std::string method;
  std::string url;
  Fields headers;
  const RequestBody* body = nullptr;  // null: none, which differs from an empty one
  int64_t max_response_bytes = 1 << 20;
  // From waiting for a connection to the last byte of the answer.
  absl::Duration timeout = absl::Seconds(60);
  // Over a connection of its own: over a kept one that turns out to be closed, HTTP clients send
  // again without a word.
  bool once = false;
  // The answer may take all of `timeout` while nothing moves: the server works.
  bool patient = false;
};

struct HttpResponse {
  int status = 0;
  Fields headers;  // names in lower case
  std::string body;
  absl::Duration head_seen;  // of SteadyNow, when the head had arrived

  // The first of that name (lower case); empty if there is none.
  std::string_view Header(std::string_view name) const;
};

// Thread-safe; blocking.
class Transport {
 public:
  virtual ~Transport() = default;
  // Sends once. Redirects are answers. Errors, none of which says whether the server acted:
  // UNAVAILABLE (no connection, connection broken off, timeout, a body of another length than
  // announced), OUT_OF_RANGE (an answer of more than max_response_bytes), FAILED_PRECONDITION (the
  // server's certificate does not hold).
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request) = 0;
};

// Time that never jumps. What HttpResponse::head_seen is in.
absl::Duration SteadyNow();

}  // namespace stockroom::s3
