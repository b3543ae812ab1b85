#include "services/common/http/server.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/common/base/config.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/http/connection.h"

namespace stockroom::http {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Connections taken past the limit so that probes still get through; see ServerOptions.
constexpr int kReserve = 16;
// Out of descriptors or memory: waiting is all that helps.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
// Taken in a row before those that are connected have their turn again.
constexpr int kAcceptedInARow = 64;

// A thread with an event loop of its own: what belongs to a connection never leaves its thread, so
// that nothing is handed over, locked or woken between two requests.
struct Loop {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  std::shared_ptr<std::atomic<int>> connections = std::make_shared<std::atomic<int>>(0);
  std::thread thread;

  void Run() {
    // sendfile(2) can not be told to do without, as other ways of sending can.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (true) {
      try {
        io.run();
        return;
      } catch (const std::exception& e) {
        LogError("the HTTP event loop caught an exception", {{"what", e.what()}});
      }
    }
  }
};

absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& io, const std::string& listen) {
  SR_ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(listen));
  boost::system::error_code error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(address.host, absl::StrCat(address.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return InvalidArgument("BAD_ADDRESS",
                           absl::StrCat("can not listen on ", listen, ": ", error.message()));
  }
  return found.begin()->endpoint();
}

}  // namespace

class Server::Core {
 public:
  Core(const ServerOptions& options, Router router, Metrics& metrics)
      : state(options, std::move(router), metrics), loops(MakeLoops(options.threads)) {}

  absl::Status Listen();
  Task<void> Accept();
  Task<void> AcceptWaiting();
  Loop& LeastLoaded();
  void Serve(tcp::socket socket, Loop& loop);
  void Run();
  void StopAccepting();
  void Stop();

  ServerState state;
  // After the state: what is left on the loops refers to it. Accepting runs on the first.
  const std::vector<std::unique_ptr<Loop>> loops;
  tcp::acceptor acceptor{loops.front()->io};
  int port = 0;
  bool drained = false;

 private:
  static std::vector<std::unique_ptr<Loop>> MakeLoops(int threads) {
    std::vector<std::unique_ptr<Loop>> made;
    for (int i = 0; i < std::max(1, threads); ++i) made.push_back(std::make_unique<Loop>());
    return made;
  }
};

absl::Status Server::Core::Listen() {
  SR_ASSIGN_OR_RETURN(const tcp::endpoint endpoint,
                      Resolve(loops.front()->io, state.options.listen));
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) {
    return Unavailable("CAN_NOT_LISTEN", absl::StrCat("can not listen on ", state.options.listen,
                                                      ": ", error.message()));
  }
  port = acceptor.local_endpoint().port();
  return absl::OkStatus();
}

Task<void> Server::Core::Accept() {
  while (acceptor.is_open() && !state.draining.load()) co_await AcceptWaiting();
}

// Takes those that wait. Each goes to the loop that has the fewest now: long-lived connections stay
// where they are, so where they begin decides how evenly the threads are used.
Task<void> Server::Core::AcceptWaiting() {
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await acceptor.async_wait(tcp::acceptor::wait_read, token);
  for (int i = 0; !error && i < kAcceptedInARow && !state.draining.load(); ++i) {
    Loop& loop = LeastLoaded();
    tcp::socket socket(loop.io);
    acceptor.accept(socket, error);
    if (!error) Serve(std::move(socket), loop);
  }
  if (!error || error == asio::error::would_block || state.draining.load()) co_return;
  LogWarning("can not accept connections", {{"error", error.message()}});
  asio::steady_timer pause(acceptor.get_executor(), absl::ToChronoNanoseconds(kAcceptPause));
  auto wait_token = asio::redirect_error(asio::use_awaitable, error);
  co_await pause.async_wait(wait_token);
}

Loop& Server::Core::LeastLoaded() {
  const auto least = std::min_element(loops.begin(), loops.end(), [](const auto& a, const auto& b) {
    return a->connections->load() < b->connections->load();
  });
  return **least;
}

// What has no place, or no memory, is closed: the next one may be luckier.
void Server::Core::Serve(tcp::socket socket, Loop& loop) {
  const int open = state.connections();
  if (open >= state.options.max_connections + kReserve) {
    state.refused_connections.Add();
    return;
  }
  try {
    auto connection = std::make_shared<Connection>(
        std::move(socket), state, open >= state.options.max_connections,
        state.tls != nullptr ? state.tls->context() : nullptr, loop.connections);
    asio::co_spawn(
        loop.io, [connection] { return Connection::Run(connection); }, asio::detached);
  } catch (const std::exception& e) {
    state.refused_connections.Add();
    LogError("a connection can not be served", {{"what", e.what()}});
  }
}

void Server::Core::Run() {
  asio::co_spawn(
      loops.front()->io, [this] { return Accept(); }, asio::detached);
  for (const auto& loop : loops) loop->thread = std::thread([&loop] { loop->Run(); });
}

void Server::Core::StopAccepting() {
  state.draining.store(true);
  std::promise<void> closed;
  asio::post(acceptor.get_executor(), [this, &closed] {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    closed.set_value();
  });
  closed.get_future().wait();
}

void Server::Core::Stop() {
  for (const auto& loop : loops) {
    loop->work.reset();
    loop->io.stop();
    if (loop->thread.joinable()) loop->thread.join();
  }
}

Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Router router,
                                                      Metrics& metrics) {
  auto core = std::make_unique<Core>(options, std::move(router), metrics);
  if (!options.tls.empty()) {
    SR_RETURN_IF_ERROR(CheckTlsPair("tls.", "ca", options.tls));
    SR_ASSIGN_OR_RETURN(
        core->state.tls,
        TlsListener::Start(options.tls, {options.tls_use, options.tls_look_every}, metrics));
  }
  SR_RETURN_IF_ERROR(core->Listen());
  core->Run();
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::~Server() { Drain(absl::ZeroDuration()); }

int Server::port() const { return core_->port; }

void Server::Drain(absl::Duration limit) {
  if (core_->drained) return;
  core_->drained = true;
  core_->StopAccepting();
  core_->state.DrainAll();
  if (!core_->state.WaitUntilNone(limit)) {
    // Handlers end soon after their context is cancelled; they refer to things that the caller will
    // destroy, so there is no way but to wait for them. One that waits for a lock of its own making
    // would be caught by main's DrainWatchdog.
    while (true) {
      core_->state.AbortAll();
      if (core_->state.WaitUntilNone(absl::Seconds(1))) break;
    }
  }
  core_->Stop();
}

}  // namespace stockroom::http
