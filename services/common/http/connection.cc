#include "services/common/http/connection.h"

#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/cors.h"
#include "services/common/http/exchange.h"
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

Response Connection::HandlerThrew(const Exchange& exchange, std::string_view what) const {
  const std::string& id = exchange.request.context.request_id;
  LogError("a handler threw", {{"route", exchange.request.route}, {"what", what}}, id);
  return ProblemResponse(MakeError(absl::StatusCode::kInternal, "INTERNAL",
                                   "something went wrong here; the log has the request id"),
                         id);
}

Connection::Connection(boost::asio::ip::tcp::socket socket, ServerState& state, bool reserve,
                       std::shared_ptr<boost::asio::ssl::context> tls,
                       std::shared_ptr<std::atomic<int>> siblings)
    : state_(state),
      reserve_(reserve),
      peer_(AddressOf(socket)),
      executor_(socket.get_executor()),
      siblings_(std::move(siblings)),
      transport_(std::make_shared<Transport>(std::move(socket), std::move(tls))) {
  siblings_->fetch_add(1);
  state_.Register(this);
}

Connection::~Connection() {
  transport_->Close();
  siblings_->fetch_sub(1);
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
  while (more) more = co_await self->ServeSome();
  // Drains do not wait for the goodbyes of clients, who may be idle for a minute.
  co_await self->transport_->Goodbye(self->draining() ? kGoodbyeInDrain : state.options.linger);
}

void Connection::Drain() {
  boost::asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && self->idle_) self->transport_->Close();
  });
}

void Connection::Abort() {
  boost::asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    if (self->running_ != nullptr) self->running_->Cancel();
    self->transport_->Close();
  });
}

// Serves what comes until a request was answered that had to wait for something. False once the
// connection is to end. What is at hand and goes at once costs neither a coroutine nor a timer.
Task<bool> Connection::ServeSome() {
  HeadProgress progress = NextHead();
  while (true) {
    absl::StatusOr<std::optional<RequestHead>> head = TakeHead(progress);
    if (!head.ok()) co_return co_await RefuseHead(head.status());
    if (head->has_value()) {
      Exchange exchange(**std::move(head));
      std::string allow;
      absl::Status refused = FindRoute(exchange, &allow);
      if (!refused.ok() || !TryAnswer(exchange)) {
        co_return co_await ServeOne(exchange, std::move(refused), allow);
      }
      exchange.keep_alive = KeepAlive(exchange);
      if (!SendAtOnce(exchange) && !co_await SendRest(exchange)) co_return false;
      if (!exchange.keep_alive) co_return co_await Leave(true);
      progress = NextHead();
      continue;
    }
    if (draining() && !progress.begun) co_return false;
    idle_ = !progress.begun;
    if (!progress.deadline) {
      progress.deadline = Transport::In(progress.begun ? state_.options.header_deadline
                                                       : state_.options.idle_timeout);
    }
    const absl::StatusOr<size_t> n = co_await transport_->ReadSome(kHeadRead, *progress.deadline);
    idle_ = false;
    if (absl::IsDeadlineExceeded(n.status()) && progress.begun) {
      co_return co_await RefuseHead(MakeError(absl::StatusCode::kDeadlineExceeded,
                                              "REQUEST_TIMEOUT",
                                              "the request's head did not arrive in time"));
    }
    if (!n.ok() || *n == 0) co_return false;
    if (!progress.begun) {
      progress.begun = true;
      progress.deadline.reset();
    }
  }
}

// The head, if all of it was received.
absl::StatusOr<std::optional<RequestHead>> Connection::TakeHead(HeadProgress& progress) {
  const std::string_view bytes = transport_->received();
  const size_t limit = static_cast<size_t>(state_.options.max_header_bytes);
  SR_ASSIGN_OR_RETURN(const std::optional<size_t> end, FindHeadEnd(bytes, &progress.scanned));
  if (end.value_or(bytes.size()) > limit) {
    return MakeError(absl::StatusCode::kInvalidArgument, "HEADERS_TOO_LARGE",
                     absl::StrCat("request line and headers exceed ", limit, " bytes"));
  }
  if (!end) return std::optional<RequestHead>();
  SR_ASSIGN_OR_RETURN(RequestHead head, ParseRequestHead(bytes.substr(0, *end)));
  transport_->Consume(*end);
  return std::optional<RequestHead>(std::move(head));
}

// `refused`: of FindRoute.
Task<bool> Connection::ServeOne(Exchange& exchange, absl::Status refused,
                                const std::string& allow) {
  Request& request = exchange.request;
  running_ = request.context.cancellation;
  BodyReader::Options limits;
  limits.body = state_.BodyPace();
  limits.answer = state_.AnswerPace();
  if (exchange.route != nullptr) {
    limits.max_bytes = exchange.route->options.max_body_bytes;
    limits.until_close = exchange.route->options.until_close;
  }
  if (refused.ok()) refused = Admit(exchange);
  BodyReader body(*transport_, exchange.head, limits, request.context);
  if (refused.ok()) {
    co_await Answer(exchange, body);
  } else if (request.method == "OPTIONS" && !allow.empty()) {
    exchange.response = AnswerOptions(state_.options.cors, request.headers, allow);
  } else {
    exchange.response = ProblemResponse(refused, request.context.request_id);
    if (!allow.empty()) exchange.response.headers.Set("Allow", allow);
  }
  exchange.keep_alive = KeepAlive(exchange) && body.CheapToDrop();
  if (!co_await Conclude(exchange)) co_return false;
  if (exchange.keep_alive) {
    const bool dropped = co_await body.Drop();
    transport_->WatchForClose({});
    co_return dropped;
  }
  transport_->WatchForClose({});
  co_return co_await Leave(body.finished());
}

// Fills the request of `exchange`.
absl::Status Connection::FindRoute(Exchange& exchange, std::string* allow) const {
  Request& request = exchange.request;
  request.method = std::move(exchange.head.method);
  request.path = std::move(exchange.head.path);
  request.query = std::move(exchange.head.query);
  request.headers = std::move(exchange.head.headers);
  request.peer = peer_;
  ReadTrace(request.headers, request.context);
  request.context.deadline = exchange.request.arrived + RouteOptions().timeout;
  absl::StatusOr<Router::Found> found = state_.router.Find(request.method, request.path, allow);
  if (!found.ok()) return found.status();
  exchange.route = found->route;
  request.captures = std::move(found->captures);
  request.route = exchange.route->path.text();
  request.context.deadline = exchange.request.arrived + exchange.route->options.timeout;
  return absl::OkStatus();
}

// True if the route has the answer at hand.
bool Connection::TryAnswer(Exchange& exchange) {
  const TryHandler& attempt = exchange.route->attempt;
  if (attempt == nullptr || exchange.head.has_body() || reserve_) return false;
  try {
    std::optional<Response> response = attempt(exchange.request);
    if (!response) return false;
    exchange.response = *std::move(response);
    exchange.at_hand = true;
  } catch (const std::exception& e) {
    exchange.response = HandlerThrew(exchange, e.what());
  }
  return true;
}

bool Connection::KeepAlive(const Exchange& exchange) {
  return exchange.head.keep_alive && !draining() && !reserve_ &&
         ++served_ < state_.options.max_requests_per_connection;
}

// False if the answer could not be sent.
Task<bool> Connection::Conclude(Exchange& exchange) {
  const absl::Status sent = co_await Send(exchange);
  Finish(exchange, sent);
  running_ = nullptr;
  co_return sent.ok();
}

// What was not read would reset the connection, and the answer be lost.
Task<bool> Connection::Leave(bool all_was_read) {
  if (!all_was_read || !transport_->received().empty()) {
    co_await transport_->Linger(state_.options.linger);
  }
  co_return false;
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
  co_return HandlerThrew(exchange, what);
}

}  // namespace stockroom::http
