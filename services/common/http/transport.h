// One TCP connection, plain or under TLS, with time limits. Internal to services/common/http.
#pragma once

#include <utility>

#include <algorithm>
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

// What was sent of both is theirs no more.
inline void Advance(size_t sent, std::string_view& head, std::string_view& body) {
  const size_t of_head = std::min(sent, head.size());
  head.remove_prefix(of_head);
  body.remove_prefix(sent - of_head);
}

// Everything runs on the socket's loop, which has one thread, or on its strand.
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
  std::string_view received() const {
    return std::string_view(buffer_).substr(used_, end_ - used_);
  }
  void Consume(size_t n);
  // The first `n` of them, or all if there are fewer.
  std::string Take(size_t n);

  // Appends at most `max` bytes to received() and returns how many; 0 at the end of the stream.
  // DEADLINE_EXCEEDED once `deadline` has passed, UNAVAILABLE if the connection broke.
  Task<absl::StatusOr<size_t>> ReadSome(size_t max, Clock::time_point deadline);

  // Hands as much of both as the kernel takes at once to it, and returns how much that is; 0 under
  // TLS, and if the connection broke, which Write finds out. `more`: the rest follows at once.
  size_t SendNow(std::string_view head, std::string_view body, bool more = false);

  // Sends both. A kernel's buffer that stays full is no standstill as long as the peer acknowledges
  // what is in it. DEADLINE_EXCEEDED once it is at an end, UNAVAILABLE if the peer is gone.
  Task<absl::Status> Write(std::string_view head, std::string_view body, Patience& patience);

  // Sends `head`, then a part of a file without copying it, which must not need a disk (see
  // file_reads.h). Not under TLS. Returns how much of the part was sent: not all of it once the
  // peer was waited for so long that some may have left the memory, and must be looked at anew. As
  // Write; DATA_LOSS if the file ends too early, UNAVAILABLE if it can not be read.
  Task<absl::StatusOr<int64_t>> SendFile(std::string_view head, int file, int64_t offset,
                                         int64_t length, Patience& patience);

  bool tls() const { return tls_ != nullptr; }

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
  void BeginWrite(Patience& patience);
  absl::Status EndWrite(size_t sent, const boost::system::error_code& error);
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
  // Received and not used yet is [used_, end_) of the buffer. It is as large as the largest read,
  // so that it is cleared once and not for each.
  size_t used_ = 0;
  size_t end_ = 0;
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
