// One TCP connection with time limits. Internal to services/common/http.
#pragma once

#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/http/task.h"

namespace stockroom::http {

// Everything runs on the socket's strand.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point In(absl::Duration d) {
    return Clock::now() + absl::ToChronoNanoseconds(d);
  }

  explicit Transport(boost::asio::ip::tcp::socket socket);

  // Bytes that were received and not used yet.
  std::string& buffer() { return buffer_; }
  const std::string& buffer() const { return buffer_; }

  // Appends at most `max` bytes to buffer() and returns how many; 0 at the end of the stream.
  // DEADLINE_EXCEEDED once `deadline` has passed, UNAVAILABLE if the connection broke.
  Task<absl::StatusOr<size_t>> ReadSome(size_t max, Clock::time_point deadline);

  // Sends both. DEADLINE_EXCEEDED if the peer takes nothing for `idle`, UNAVAILABLE if it is gone.
  Task<absl::Status> Write(std::string_view head, std::string_view body, absl::Duration idle);

  // Says that nothing more will be sent, then reads and drops what still comes.
  Task<void> Linger(absl::Duration limit);

  // Runs `gone` once if the peer closes or resets the connection before it sends anything more. At
  // most one watch is outstanding; a later call replaces the function. {} stops watching.
  void WatchForClose(std::function<void()> gone);

  void Close();

 private:
  void Arm(Clock::time_point deadline);
  void Disarm() { deadline_ = Clock::time_point::max(); }
  void StartTimer();
  void OnTimer(uint64_t generation);
  void OnReadable();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::string buffer_;
  // When the running operation is to be given up; max() if none runs. The timer is not set anew for
  // every operation: when it goes off too early it is set again.
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_at_ = Clock::time_point::max();
  uint64_t timer_generation_ = 0;
  bool timed_out_ = false;
  bool watching_ = false;
  std::function<void()> gone_;
};

}  // namespace stockroom::http
