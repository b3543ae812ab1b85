// Requests and responses as handlers see them.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "services/common/base/call_context.h"
#include "services/common/base/executor.h"
#include "services/common/http/task.h"

namespace stockroom::http {

// Header fields in order; names compare without regard to case. All text lies in one buffer, since
// requests have a dozen fields and answers half as many: views of it last until the next Add or
// Set.
class Headers {
 public:
  // Also of views of its own text.
  void Add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void Set(std::string_view name, std::string_view value);
  // The first of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  // As Find, "" if absent.
  std::string_view Get(std::string_view name) const { return Find(name).value_or(""); }
  int Count(std::string_view name) const;

  struct Field {
    std::string_view name;
    std::string_view value;
  };
  size_t size() const { return places_.size(); }
  Field operator[](size_t i) const {
    const Place& place = places_[i];
    const std::string_view text = text_;
    return {text.substr(place.at, place.name), text.substr(place.at + place.name, place.value)};
  }

 private:
  // Name and value, one behind the other.
  struct Place {
    uint32_t at;
    uint32_t name;
    uint32_t value;
  };
  std::string text_;
  std::vector<Place> places_;
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
  std::string route;                 // the template that matched
  absl::Time arrived = absl::Now();  // its head
  // Address of the other end of the connection, without port; "" if it is gone.
  std::string peer;
  // Cancelled when the client goes away (see RouteOptions::until_close). The deadline is the
  // route's.
  CallContext context;
  RequestBody* body = nullptr;  // never null while a Handler runs; a TryHandler has none
  // What a TryHandler found out, for the Handler that it leaves the request to.
  std::any carried;

  // The value captured for `name`, "" if the template has no such variable.
  std::string_view Captured(std::string_view name) const;
};

// A part of an open file whose bytes do not change any more.
struct FileBody {
  // Keeps the descriptor open for as long as it is sent.
  std::shared_ptr<const void> file;
  int descriptor = -1;
  int64_t offset = 0;
  int64_t length = 0;
  // Where reads run that would have to wait for a disk. Not null; outlives the server.
  Executor* disk = nullptr;
};

struct Response {
  int status = 200;
  // Content-Length, Transfer-Encoding, Connection, Date and X-Request-Id are the server's.
  Headers headers;
  std::string body;
  // Bytes that others hold as well, such as a cache: sent from where they are. If set, `body` is
  // ignored. The part to send must lie inside.
  std::shared_ptr<const std::string> shared_body;
  int64_t shared_offset = 0;
  std::optional<int64_t> shared_length;  // to the end, if absent
  // If set, `body` and `shared_body` are ignored.
  std::unique_ptr<BodySource> stream;
  // Exact length of `stream`; chunked coding if absent. An answer to HEAD may set it alone.
  std::optional<int64_t> stream_length;
  // If set, the other bodies are ignored. Sent by sendfile(2), so nothing verifies its bytes. A
  // file that ends too early breaks the connection off. Not by a TryHandler.
  std::optional<FileBody> file;

  // What is sent, if nothing is streamed.
  std::string_view whole_body() const;

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
// The answer if it is at hand; nullopt leaves the request to the route's Handler. Runs on the event
// loop as soon as the head was read, so it must not block and should take microseconds at most: it
// may look things up in memory. The answer is whole, not streamed. Not asked for requests with a
// body. Requests that it answers do not count as in flight: what costs next to nothing is served
// however busy the server is; and they are logged at debug only, unless they failed.
using TryHandler = std::function<std::optional<Response>(Request&)>;

}  // namespace stockroom::http
