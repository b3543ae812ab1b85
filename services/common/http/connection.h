// One connection's life: head, handler, answer, again. Internal to services/common/http.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/http/body_reader.h"
#include "services/common/http/response_head.h"
#include "services/common/http/router.h"
#include "services/common/http/server.h"
#include "services/common/http/tls.h"
#include "services/common/http/transport.h"

namespace stockroom::http {

class Connection;

// What connections share. Outlives them: the server waits until none is registered.
class ServerState {
 public:
  ServerState(const ServerOptions& server_options, Router server_router, Metrics& metrics);

  void Count(const Route* route, int status, absl::Duration took);

  void Register(Connection* connection);
  void Unregister(Connection* connection);
  int connections();
  // Tells every connection.
  void DrainAll();
  void AbortAll();
  // False if some are left after `limit`.
  bool WaitUntilNone(absl::Duration limit);

  const ServerOptions options;
  const Router router;
  std::atomic<bool> draining = false;
  // How fast bodies must come, and answers be taken.
  Pace BodyPace() const;
  Pace AnswerPace() const;
  // Null without TLS.
  std::unique_ptr<TlsListener> tls;
  Gauge& in_flight;
  Counter& refused_connections;
  Counter& refused_requests;
  Counter& failed_handshakes;

 private:
  struct RouteMetrics {
    Counter* by_class[6] = {};
    Histogram* seconds = nullptr;
  };
  RouteMetrics MakeMetrics(Metrics& metrics, const std::string& route, const std::string& method);

  std::map<const Route*, RouteMetrics> route_metrics_;  // nullptr: no route matched
  Gauge& open_;
  Mutex mu_;
  CondVar changed_;
  std::set<Connection*> connections_ SR_GUARDED_BY(mu_);
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `reserve`: past the limit; only operational routes are served.
  // Plain if `tls` is null. `siblings` counts the connections of the socket's loop.
  Connection(boost::asio::ip::tcp::socket socket, ServerState& state, bool reserve,
             std::shared_ptr<boost::asio::ssl::context> tls,
             std::shared_ptr<std::atomic<int>> siblings);
  ~Connection();

  // Serves until the connection ends. Runs on the socket's loop and keeps `self` alive.
  static Task<void> Run(std::shared_ptr<Connection> self);

  // From any thread: close when idle, else after the running request.
  void Drain();
  // From any thread: cancel the running request and close.
  void Abort();

 private:
  struct Exchange;

  // How far the next request's head has come.
  struct HeadProgress {
    size_t scanned = 0;
    bool begun = false;
    // Once it had to be waited for: heads that come at once need no look at the clock.
    std::optional<Transport::Clock::time_point> deadline;
  };

  Task<bool> ServeSome();
  HeadProgress NextHead() const { return {.begun = !transport_->received().empty()}; }
  absl::StatusOr<std::optional<RequestHead>> TakeHead(HeadProgress& progress);
  Task<bool> ServeOne(Exchange& exchange, absl::Status refused, const std::string& allow);
  Task<bool> RefuseHead(const absl::Status& error);
  absl::Status FindRoute(Exchange& exchange, std::string* allow) const;
  bool TryAnswer(Exchange& exchange);
  bool KeepAlive(const Exchange& exchange);
  Task<bool> Conclude(Exchange& exchange);
  Task<bool> Leave(bool all_was_read);
  Task<void> Answer(Exchange& exchange, RequestBody& body);
  absl::Status Admit(const Exchange& exchange) const;
  Task<Response> RunHandler(Exchange& exchange);
  Response HandlerThrew(const Exchange& exchange, std::string_view what) const;
  static Framing Frame(Exchange& exchange);
  static std::string_view BodyToSend(const Exchange& exchange);
  bool SendAtOnce(Exchange& exchange);
  Task<bool> SendRest(Exchange& exchange);
  Task<absl::Status> Send(Exchange& exchange);
  int64_t SliceAt(const FileBody& file, int64_t at) const;
  Task<absl::StatusOr<std::string>> FetchSlice(const FileBody& file, int64_t at);
  Task<absl::Status> SendFile(Exchange& exchange, Framing framing, std::string first);
  Task<absl::Status> SendStream(Exchange& exchange, Framing framing, std::string first);
  void Finish(const Exchange& exchange, const absl::Status& sent);
  bool draining() const { return state_.draining.load(std::memory_order_relaxed); }

  ServerState& state_;
  const bool reserve_;
  const std::string peer_;
  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<std::atomic<int>> siblings_;
  std::shared_ptr<Transport> transport_;
  int64_t served_ = 0;
  // Waiting for a request's first byte, or for the end of the TLS handshake.
  bool idle_ = false;
  // Of the running request.
  std::shared_ptr<Cancellation> running_;
};

}  // namespace stockroom::http
