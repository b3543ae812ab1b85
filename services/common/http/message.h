// Requests and responses as handlers see them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/http/task.h"

namespace stockroom::http {

// Header fields in order; names compare without regard to case.
class Headers {
 public:
  void Add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void Set(std::string_view name, std::string_view value);
  // The first of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  // As Find, "" if absent.
  std::string_view Get(std::string_view name) const { return Find(name).value_or(""); }
  int Count(std::string_view name) const;

  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// type/subtype of a Content-Type in lower case, without parameters; "" for "".
std::string MediaType(std::string_view content_type);

using ByteResult = absl::StatusOr<std::optional<std::string>>;

// A body that is sent piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The next piece, or nullopt after the last. Called again only once the piece was written, so a
  // slow reader slows the source. An error breaks the connection off: the status line is out.
  virtual Task<ByteResult> Next() = 0;
};

// A request's body. Nothing is read from the connection before a handler asks.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  // The next piece (at most 256 KiB), or nullopt after the last. Answers Expect: 100-continue on
  // the first call. Errors: OUT_OF_RANGE BODY_TOO_LARGE (more than the route allows),
  // DEADLINE_EXCEEDED BODY_TIMEOUT, INVALID_ARGUMENT BAD_BODY (bad chunked coding), CANCELLED (the
  // client is gone).
  virtual Task<ByteResult> Read() = 0;
  // Content-Length; nullopt for chunked bodies.
  virtual std::optional<int64_t> length() const = 0;
};

// The whole body. OUT_OF_RANGE BODY_TOO_LARGE past `max_bytes`.
Task<absl::StatusOr<std::string>> ReadAll(RequestBody& body, int64_t max_bytes);

struct Request {
  std::string method;
  std::string path;   // as sent, percent-encoded, begins with '/'
  std::string query;  // as sent, without '?'
  Headers headers;
  // What the route's variables matched, decoded, in the order of the template.
  std::vector<std::pair<std::string, std::string>> captures;
  std::string route;  // the template that matched
  // Address of the other end of the connection, without port; "" if it is gone.
  std::string peer;
  // Cancelled when the client goes away (see RouteOptions::until_close). The deadline is the
  // route's.
  CallContext context;
  RequestBody* body = nullptr;  // never null while a handler runs

  // The value captured for `name`, "" if the template has no such variable.
  std::string_view Captured(std::string_view name) const;
};

struct Response {
  int status = 200;
  // Content-Length, Transfer-Encoding, Connection, Date and X-Request-Id are the server's.
  Headers headers;
  std::string body;
  // If set, `body` is ignored.
  std::unique_ptr<BodySource> stream;
  // Exact length of `stream`; chunked coding if absent. An answer to HEAD may set it alone.
  std::optional<int64_t> stream_length;

  static Response Text(int status, std::string_view content_type, std::string body);
};

struct RouteOptions {
  int64_t max_body_bytes = 1 << 20;
  // Deadline of the request's context.
  absl::Duration timeout = absl::Seconds(30);
  // The answer goes on until the client ends it: a client that closes its sending side does. On
  // other routes it has only said all it had to say, and gets its answer.
  bool until_close = false;
  // Health and metrics: served however busy the server is, and logged at debug only.
  bool operational = false;
};

using Handler = std::function<Task<Response>(Request&)>;
// For what needs no waiting at all; must not block.
using PlainHandler = std::function<Response(Request&)>;

}  // namespace stockroom::http
