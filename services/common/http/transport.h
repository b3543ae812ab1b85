// One TCP connection, plain or under TLS, with time limits. Internal to services/common/http.
#pragma once

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/http/patience.h"
#include "services/common/http/task.h"

namespace stockroom::http {

// Everything runs on the socket's strand.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point In(absl::Duration d) {
    return Clock::now() + absl::ToChronoNanoseconds(d);
  }

  // Plain if `tls` is null.
  Transport(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

  // Must come first on a connection with TLS; plain ones have nothing to do. UNAUTHENTICATED if it
  // fails, DEADLINE_EXCEEDED if it takes too long.
  Task<absl::Status> Handshake(Clock::time_point deadline);

  // Bytes that were received and not used yet.
  std::string_view received() const { return std::string_view(buffer_).substr(used_); }
  void Consume(size_t n);
  // The first `n` of them, or all if there are fewer.
  std::string Take(size_t n);

  // Appends at most `max` bytes to received() and returns how many; 0 at the end of the stream.
  // DEADLINE_EXCEEDED once `deadline` has passed, UNAVAILABLE if the connection broke.
  Task<absl::StatusOr<size_t>> ReadSome(size_t max, Clock::time_point deadline);

  // Sends both. A kernel's buffer that stays full is no standstill as long as the peer acknowledges
  // what is in it. DEADLINE_EXCEEDED once it is at an end, UNAVAILABLE if the peer is gone.
  Task<absl::Status> Write(std::string_view head, std::string_view body, Patience& patience);

  // Says that nothing more will be sent, then reads and drops what still comes.
  Task<void> Linger(absl::Duration limit);

  // Under TLS: says that nothing more will be sent, and waits until the peer says so too.
  Task<void> Goodbye(absl::Duration limit);

  // Runs `gone` once if the peer resets the connection, or, with `until_end`, closes its sending
  // side: a peer that has closed both can not be told from one that still reads before something is
  // sent to it. Looks a few times a second, because most requests are answered before watching for
  // longer would pay. A later call replaces the function; {} stops watching.
  void WatchForClose(std::function<void()> gone, bool until_end = false);

  void Close();

 private:
  using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

  void Arm(Clock::time_point deadline);
  void Disarm() { deadline_ = Clock::time_point::max(); }
  void StartTimer(Clock::time_point at);
  void OnTimer(uint64_t generation);
  void SpendOnWrite(Clock::time_point now);
  bool StillMoves(Clock::time_point now);
  void LookForClose(Clock::time_point now);
  Task<size_t> WriteSome(std::string_view head, std::string_view body,
                         boost::system::error_code& error);
  int64_t Acknowledged() const;

  boost::asio::ip::tcp::socket socket_;
  const std::shared_ptr<boost::asio::ssl::context> tls_context_;
  std::unique_ptr<TlsStream> tls_;
  boost::asio::steady_timer timer_;
  std::string buffer_;
  size_t used_ = 0;   // of the buffer
  int64_t sent_ = 0;  // into the kernel's buffer
  bool tls_over_ = false;
  // Of the running write; null if none runs.
  Patience* writing_ = nullptr;
  Clock::time_point write_begun_;
  int64_t acknowledged_ = 0;  // of sent_, as far as it bought patience
  // When the running operation is to be given up; max() if none runs. The timer is not set anew for
  // every operation: when it goes off too early it is set again.
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_at_ = Clock::time_point::max();
  uint64_t timer_generation_ = 0;
  bool timed_out_ = false;
  std::function<void()> gone_;
  bool until_end_ = false;
  Clock::time_point look_at_ = Clock::time_point::max();
};

}  // namespace stockroom::http
