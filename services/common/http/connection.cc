#include "services/common/http/connection.h"

#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/cors.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kHeadRead = 8 << 10;
constexpr absl::Duration kGoodbyeInDrain = absl::Milliseconds(100);

// Counts a request while it runs.
class InFlight {
 public:
  explicit InFlight(Gauge& gauge) : gauge_(gauge) { gauge_.Add(1); }
  ~InFlight() { gauge_.Add(-1); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  Gauge& gauge_;
};

std::string AddressOf(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code gone;
  const auto endpoint = socket.remote_endpoint(gone);
  return gone ? std::string() : endpoint.address().to_string();
}

absl::Status Busy(std::string_view what, absl::Duration retry_after) {
  ErrorDetails details;
  details.reason = "SERVER_BUSY";
  details.retry_after = retry_after;
  return MakeStatus(absl::StatusCode::kUnavailable, what, std::move(details));
}

// More than one traceparent is none: which one counts nobody could say.
void ReadTrace(const Headers& headers, CallContext& context) {
  const bool one = headers.Count("traceparent") == 1;
  context.trace = ContinueTrace(one ? headers.Get("traceparent") : std::string_view(),
                                headers.Get("tracestate"));
  context.request_id = CleanRequestId(headers.Get("X-Request-Id"), context.trace.trace_id);
}

}  // namespace

// One request and its answer.
struct Connection::Exchange {
  explicit Exchange(RequestHead from) : head(std::move(from)) {}

  RequestHead head;
  Request request;
  const Route* route = nullptr;
  Response response;
  bool keep_alive = true;
  int64_t bytes_sent = 0;
  const absl::Time started = absl::Now();
};

Connection::Connection(boost::asio::ip::tcp::socket socket, ServerState& state, bool reserve,
                       std::shared_ptr<boost::asio::ssl::context> tls)
    : state_(state),
      reserve_(reserve),
      peer_(AddressOf(socket)),
      strand_(socket.get_executor()),
      transport_(std::make_shared<Transport>(std::move(socket), std::move(tls))) {
  state_.Register(this);
}

Connection::~Connection() {
  transport_->Close();
  state_.Unregister(this);
}

Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  ServerState& state = self->state_;
  self->idle_ = true;  // to a drain; nothing was asked yet
  const absl::Status greeted =
      co_await self->transport_->Handshake(Transport::In(state.options.handshake_deadline));
  self->idle_ = false;
  if (!greeted.ok()) {
    state.failed_handshakes.Add();
    LogDebug("TLS handshake failed", {{"why", greeted}});
    co_return;
  }
  bool more = true;
  while (more) more = co_await self->ServeOne();
  // Drains do not wait for the goodbyes of clients, who may be idle for a minute.
  co_await self->transport_->Goodbye(self->draining() ? kGoodbyeInDrain : state.options.linger);
}

void Connection::Drain() {
  boost::asio::post(strand_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && self->idle_) self->transport_->Close();
  });
}

void Connection::Abort() {
  boost::asio::post(strand_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    if (self->running_ != nullptr) self->running_->Cancel();
    self->transport_->Close();
  });
}

Task<bool> Connection::ServeOne() {
  absl::StatusOr<std::optional<RequestHead>> head = co_await ReadHead();
  if (!head.ok()) co_return co_await RefuseHead(head.status());
  if (!head->has_value()) co_return false;

  Exchange exchange(**std::move(head));
  Request& request = exchange.request;
  request.method = exchange.head.method;
  request.path = exchange.head.path;
  request.query = exchange.head.query;
  request.headers = exchange.head.headers;
  request.peer = peer_;
  ReadTrace(request.headers, request.context);
  request.context.deadline = absl::Now() + RouteOptions().timeout;
  running_ = request.context.cancellation;

  absl::Status refused;
  std::string allow;
  absl::StatusOr<Router::Found> found = state_.router.Find(request.method, request.path, &allow);
  BodyReader::Options limits;
  limits.body = state_.BodyPace();
  limits.answer = state_.AnswerPace();
  if (found.ok()) {
    exchange.route = found->route;
    request.captures = std::move(found->captures);
    request.route = exchange.route->path.text();
    request.context.deadline = absl::Now() + exchange.route->options.timeout;
    limits.max_bytes = exchange.route->options.max_body_bytes;
    limits.until_close = exchange.route->options.until_close;
    refused = Admit(exchange);
  } else {
    refused = found.status();
  }
  BodyReader body(*transport_, exchange.head, limits, request.context);
  if (refused.ok()) {
    co_await Answer(exchange, body);
  } else if (request.method == "OPTIONS" && !allow.empty()) {
    exchange.response = AnswerOptions(state_.options.cors, request.headers, allow);
  } else {
    exchange.response = ProblemResponse(refused, request.context.request_id);
    if (!allow.empty()) exchange.response.headers.Set("Allow", allow);
  }
  exchange.keep_alive = exchange.head.keep_alive && !draining() && !reserve_ &&
                        ++served_ < state_.options.max_requests_per_connection &&
                        body.CheapToDrop();
  const absl::Status sent = co_await Send(exchange);
  Finish(exchange, sent);
  running_ = nullptr;
  if (!sent.ok()) co_return false;
  if (exchange.keep_alive) {
    const bool dropped = co_await body.Drop();
    transport_->WatchForClose({});
    co_return dropped;
  }
  transport_->WatchForClose({});
  if (!body.finished() || !transport_->received().empty()) {
    co_await transport_->Linger(state_.options.linger);
  }
  co_return false;
}

Task<absl::StatusOr<std::optional<RequestHead>>> Connection::ReadHead() {
  const size_t limit = static_cast<size_t>(state_.options.max_header_bytes);
  size_t scanned = 0;
  bool begun = !transport_->received().empty();
  Transport::Clock::time_point deadline =
      Transport::In(begun ? state_.options.header_deadline : state_.options.idle_timeout);
  while (true) {
    const std::string_view bytes = transport_->received();
    absl::StatusOr<std::optional<size_t>> end = FindHeadEnd(bytes, &scanned);
    if (!end.ok()) co_return end.status();
    if (end->has_value() ? **end > limit : bytes.size() > limit) {
      co_return MakeError(absl::StatusCode::kInvalidArgument, "HEADERS_TOO_LARGE",
                          absl::StrCat("request line and headers exceed ", limit, " bytes"));
    }
    if (end->has_value()) {
      absl::StatusOr<RequestHead> head = ParseRequestHead(bytes.substr(0, **end));
      if (!head.ok()) co_return head.status();
      transport_->Consume(**end);
      co_return std::optional<RequestHead>(*std::move(head));
    }
    if (draining() && !begun) co_return std::optional<RequestHead>();
    idle_ = !begun;
    const absl::StatusOr<size_t> n = co_await transport_->ReadSome(kHeadRead, deadline);
    idle_ = false;
    if (absl::IsDeadlineExceeded(n.status()) && begun) {
      co_return MakeError(absl::StatusCode::kDeadlineExceeded, "REQUEST_TIMEOUT",
                          "the request's head did not arrive in time");
    }
    if (!n.ok() || *n == 0) co_return std::optional<RequestHead>();
    if (!begun) {
      begun = true;
      deadline = Transport::In(state_.options.header_deadline);
    }
  }
}

// Nobody knows where the next request would begin: answers and closes.
Task<bool> Connection::RefuseHead(const absl::Status& error) {
  Exchange exchange{RequestHead()};
  ReadTrace({}, exchange.request.context);
  exchange.response = ProblemResponse(error, exchange.request.context.request_id);
  exchange.keep_alive = false;
  const absl::Status sent = co_await Send(exchange);
  Finish(exchange, sent);
  if (sent.ok()) co_await transport_->Linger(state_.options.linger);
  co_return false;
}

absl::Status Connection::Admit(const Exchange& exchange) const {
  const RouteOptions& route = exchange.route->options;
  if (reserve_ && !route.operational) {
    state_.refused_connections.Add();
    return Busy("too many connections", state_.options.retry_after);
  }
  if (!route.operational && state_.in_flight.value() >= state_.options.max_requests_in_flight) {
    state_.refused_requests.Add();
    return Busy("too many requests at once", state_.options.retry_after);
  }
  if (exchange.head.content_length.value_or(0) > route.max_body_bytes) {
    return BodyTooLarge(route.max_body_bytes);
  }
  return absl::OkStatus();
}

Task<void> Connection::Answer(Exchange& exchange, RequestBody& body) {
  const InFlight counted(state_.in_flight);
  exchange.request.body = &body;
  exchange.response = co_await RunHandler(exchange);
  exchange.request.body = nullptr;
}

Task<Response> Connection::RunHandler(Exchange& exchange) {
  std::string what;
  try {
    Response response = co_await exchange.route->handler(exchange.request);
    co_return response;
  } catch (const std::exception& e) {
    what = e.what();
  }
  const std::string& id = exchange.request.context.request_id;
  LogError("a handler threw", {{"route", exchange.request.route}, {"what", what}}, id);
  co_return ProblemResponse(MakeError(absl::StatusCode::kInternal, "INTERNAL",
                                      "something went wrong here; the log has the request id"),
                            id);
}

Task<absl::Status> Connection::Send(Exchange& exchange) {
  Response& response = exchange.response;
  const std::string& id = exchange.request.context.request_id;
  if (exchange.request.context.cancellation->cancelled()) {
    response.status = 499;
    co_return absl::CancelledError("the client went away");
  }
  AllowOrigin(state_.options.cors, exchange.request.headers, response);
  const bool head_only = exchange.request.method == "HEAD";
  std::string first;
  if (response.stream != nullptr && !head_only) {
    // Before the status line is out an error can still be told properly.
    ByteResult piece = co_await response.stream->Next();
    if (!piece.ok()) {
      response = ProblemResponse(piece.status(), id);
      AllowOrigin(state_.options.cors, exchange.request.headers, response);
    } else if (piece->has_value()) {
      first = **std::move(piece);
    } else {
      response.stream.reset();
      response.body.clear();
    }
  }
  Framing framing;
  framing.http_1_0 = exchange.head.http_1_0;
  if (response.stream == nullptr && !(head_only && response.stream_length)) {
    if (StatusHasBody(response.status)) framing.content_length = response.body.size();
  } else if (response.stream_length) {
    framing.content_length = response.stream_length;
  } else if (exchange.head.http_1_0) {
    exchange.keep_alive = false;  // the end of the connection is the end of the body
  } else {
    framing.chunked = true;
  }
  framing.keep_alive = exchange.keep_alive;
  if (response.stream != nullptr && !head_only) {
    co_return co_await SendStream(exchange, framing, std::move(first));
  }
  const bool with_body = !head_only && StatusHasBody(response.status);
  const std::string head = SerializeHead(response, framing, id, absl::Now());
  const std::string_view body = with_body ? std::string_view(response.body) : std::string_view();
  exchange.bytes_sent = static_cast<int64_t>(body.size());
  Patience patience(state_.AnswerPace());
  co_return co_await transport_->Write(head, body, patience);
}

Task<absl::Status> Connection::SendStream(Exchange& exchange, Framing framing, std::string first) {
  Patience patience(state_.AnswerPace());
  Response& response = exchange.response;
  std::string ahead =
      SerializeHead(response, framing, exchange.request.context.request_id, absl::Now());
  std::optional<std::string> piece = std::move(first);
  while (piece.has_value()) {
    if (framing.content_length &&
        exchange.bytes_sent + static_cast<int64_t>(piece->size()) > *framing.content_length) {
      co_return absl::InternalError("the source gave more bytes than announced");
    }
    const bool chunk = framing.chunked && !piece->empty();
    if (chunk) absl::StrAppend(&ahead, absl::Hex(piece->size()), "\r\n");
    if (chunk) piece->append("\r\n");
    absl::Status sent = co_await transport_->Write(ahead, *piece, patience);
    if (!sent.ok()) {
      exchange.request.context.cancellation->Cancel();
      co_return sent;
    }
    exchange.bytes_sent += static_cast<int64_t>(piece->size()) - (chunk ? 2 : 0);
    ahead.clear();
    ByteResult next = co_await response.stream->Next();
    if (!next.ok()) co_return next.status();
    piece = *std::move(next);
  }
  if (framing.content_length && exchange.bytes_sent != *framing.content_length) {
    co_return absl::InternalError("the source gave fewer bytes than announced");
  }
  if (framing.chunked) co_return co_await transport_->Write("0\r\n\r\n", {}, patience);
  co_return absl::OkStatus();
}

void Connection::Finish(const Exchange& exchange, const absl::Status& sent) {
  const absl::Duration took = absl::Now() - exchange.started;
  state_.Count(exchange.route, exchange.response.status, took);
  const bool quiet = exchange.route != nullptr && exchange.route->options.operational;
  Log(quiet ? LogLevel::kDebug : LogLevel::kInfo, "request",
      {{"method", exchange.request.method},
       {"path", exchange.request.path},
       {"status", exchange.response.status},
       {"bytes", exchange.bytes_sent},
       {"ms", absl::ToDoubleMilliseconds(took)},
       {"trace_id", exchange.request.context.trace.trace_id},
       {"sent", sent.ok() ? std::string("whole") : std::string(sent.message())}},
      exchange.request.context.request_id);
}

}  // namespace stockroom::http
