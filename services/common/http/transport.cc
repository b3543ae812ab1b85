#include "services/common/http/transport.h"

#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::http {
namespace asio = boost::asio;

namespace {

// How often it is looked whether the client of a running request is still there.
constexpr std::chrono::milliseconds kLookEvery(200);
// How often an operation that is to end is cancelled again, until it has.
constexpr std::chrono::milliseconds kCancelEvery(100);
// Pages of a file that were in memory so long ago may have been dropped. Waiting for a peer that
// takes what it gets is shorter.
constexpr std::chrono::milliseconds kStale(20);
// What fits into one record of TLS, and is cheaper to copy together than to send in two.
constexpr size_t kRecord = 16 << 10;

bool IsEnd(const boost::system::error_code& error) {
  // Truncation is no danger here: requests say how long they are.
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

absl::Status Broken(const boost::system::error_code& error) {
  return absl::UnavailableError(absl::StrCat("the connection broke: ", error.message()));
}

}  // namespace

Transport::Transport(asio::ip::tcp::socket socket, std::shared_ptr<asio::ssl::context> tls)
    : socket_(std::move(socket)), tls_context_(std::move(tls)), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (tls_context_ != nullptr) tls_ = std::make_unique<TlsStream>(socket_, *tls_context_);
}

void Transport::Arm(Clock::time_point deadline) {
  timed_out_ = false;
  deadline_ = deadline;
  if (deadline_ < timer_at_) StartTimer(deadline_);
}

void Transport::StartTimer(Clock::time_point at) {
  timer_at_ = at;
  timer_.expires_at(timer_at_);
  timer_.async_wait([weak = weak_from_this(), generation = ++timer_generation_](auto) {
    if (auto self = weak.lock()) self->OnTimer(generation);
  });
}

void Transport::OnTimer(uint64_t generation) {
  // Setting the timer anew cancels the older wait, which then arrives here too.
  if (generation != timer_generation_) return;
  timer_at_ = Clock::time_point::max();
  const Clock::time_point now = Clock::now();
  if (now >= look_at_) LookForClose(now);
  if (now >= deadline_ && (timed_out_ || !StillMoves(now))) {
    // Those of TLS consist of several: a part that has just ended is not there to be cancelled, and
    // the next one begins.
    deadline_ = now + kCancelEvery;
    timed_out_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
  const Clock::time_point next = std::min(deadline_, look_at_);
  if (next < timer_at_) StartTimer(next);
}

// What counts is what the peer acknowledged, each byte once: what the kernel took only waits there.
void Transport::SpendOnWrite(Clock::time_point now) {
  // Under TLS a record that is partly written is with the kernel before it is in sent_, so the
  // difference may also fall.
  const int64_t acknowledged = std::max(Acknowledged(), acknowledged_);
  writing_->Spend(absl::FromChrono(now - write_begun_), acknowledged - acknowledged_);
  acknowledged_ = acknowledged;
  write_begun_ = now;
}

// The write that runs gets more time if the peer has taken enough meanwhile.
bool Transport::StillMoves(Clock::time_point now) {
  if (writing_ == nullptr) return false;
  SpendOnWrite(now);
  if (writing_->left() <= absl::ZeroDuration()) return false;
  deadline_ = now + absl::ToChronoNanoseconds(writing_->left());
  return true;
}

Task<absl::Status> Transport::Handshake(Clock::time_point deadline) {
  if (tls_ == nullptr) co_return absl::OkStatus();
  Arm(deadline);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await tls_->async_handshake(asio::ssl::stream_base::server, token);
  Disarm();
  if (!error) co_return absl::OkStatus();
  tls_over_ = true;
  if (timed_out_) co_return absl::DeadlineExceededError("the TLS handshake took too long");
  co_return absl::UnauthenticatedError(error.message());
}

void Transport::Consume(size_t n) {
  used_ += n;
  if (used_ < end_) return;
  used_ = end_ = 0;
}

std::string Transport::Take(size_t n) {
  std::string taken;
  if (used_ == 0 && n >= end_) {
    buffer_.resize(std::exchange(end_, 0));
    taken = std::exchange(buffer_, {});
  } else {
    taken = received().substr(0, n);
    Consume(taken.size());
  }
  return taken;
}

Task<absl::StatusOr<size_t>> Transport::ReadSome(size_t max, Clock::time_point deadline) {
  if (used_ > 0) {
    std::copy(buffer_.begin() + static_cast<ptrdiff_t>(used_),
              buffer_.begin() + static_cast<ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(used_, 0);
  }
  if (buffer_.size() < end_ + max) buffer_.resize(end_ + max);
  Arm(deadline);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const asio::mutable_buffer into = asio::buffer(buffer_.data() + end_, max);
  const size_t n = tls_ != nullptr ? co_await tls_->async_read_some(into, token)
                                   : co_await socket_.async_read_some(into, token);
  Disarm();
  end_ += n;
  if (!error) co_return n;
  if (IsEnd(error)) co_return size_t{0};
  if (timed_out_) co_return absl::DeadlineExceededError("nothing was received in time");
  tls_over_ = true;
  co_return Broken(error);
}

size_t Transport::SendNow(std::string_view head, std::string_view body, bool more) {
  if (tls_ != nullptr) return 0;
  iovec both[] = {{const_cast<char*>(head.data()), head.size()},
                  {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = both;
  message.msg_iovlen = 2;
  const ssize_t n = ::sendmsg(socket_.native_handle(), &message,
                              MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  if (n <= 0) return 0;
  sent_ += n;
  return static_cast<size_t>(n);
}

Task<size_t> Transport::WriteSome(std::string_view head, std::string_view body,
                                  boost::system::error_code& error) {
  auto token = asio::redirect_error(asio::use_awaitable, error);
  if (tls_ == nullptr) {
    const std::array<asio::const_buffer, 2> both = {asio::buffer(head.data(), head.size()),
                                                    asio::buffer(body.data(), body.size())};
    co_return co_await socket_.async_write_some(both, token);
  }
  if (!head.empty() && !body.empty() && head.size() < kRecord) {
    std::string joined(head);
    joined.append(body.substr(0, kRecord - head.size()));
    co_return co_await tls_->async_write_some(asio::buffer(joined), token);
  }
  const std::string_view next = head.empty() ? body : head;
  co_return co_await tls_->async_write_some(asio::buffer(next.data(), next.size()), token);
}

// Under TLS the kernel's count includes the records' frames, a few bytes in thousands.
int64_t Transport::Acknowledged() const {
  int waiting = 0;
  if (::ioctl(const_cast<asio::ip::tcp::socket&>(socket_).native_handle(), SIOCOUTQ, &waiting) !=
      0) {
    return sent_;
  }
  return sent_ - waiting;
}

void Transport::BeginWrite(Patience& patience) {
  write_begun_ = Clock::now();
  writing_ = &patience;
  Arm(write_begun_ + absl::ToChronoNanoseconds(patience.left()));
}

absl::Status Transport::EndWrite(size_t sent, const boost::system::error_code& error) {
  Disarm();
  sent_ += static_cast<int64_t>(sent);
  SpendOnWrite(Clock::now());
  writing_ = nullptr;
  if (!error) return absl::OkStatus();
  tls_over_ = true;
  if (!timed_out_) return Broken(error);
  return absl::DeadlineExceededError("the client takes the answer too slowly");
}

Task<absl::Status> Transport::Write(std::string_view head, std::string_view body,
                                    Patience& patience) {
  const size_t at_once = SendNow(head, body);
  Advance(at_once, head, body);
  while (!head.empty() || !body.empty()) {
    BeginWrite(patience);
    boost::system::error_code error;
    const size_t n = co_await WriteSome(head, body, error);
    absl::Status status = EndWrite(n, error);
    if (!status.ok()) co_return status;
    Advance(n, head, body);
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<int64_t>> Transport::SendFile(std::string_view head, int file, int64_t offset,
                                                  int64_t length, Patience& patience) {
  const Clock::time_point begun = Clock::now();
  bool waited = false;
  if (!head.empty()) head.remove_prefix(SendNow(head, {}, length > 0));
  if (!head.empty()) {
    absl::Status status = co_await Write(head, {}, patience);
    if (!status.ok()) co_return status;
    waited = true;
  }
  boost::system::error_code error;
  if (!socket_.native_non_blocking()) socket_.native_non_blocking(true, error);
  off_t at = offset;
  while (!error && at < offset + length) {
    if (waited && Clock::now() - begun > kStale) break;
    const ssize_t n =
        ::sendfile(socket_.native_handle(), file, &at, static_cast<size_t>(offset + length - at));
    if (n > 0) {
      sent_ += n;
    } else if (n == 0) {
      co_return absl::DataLossError("a file that is sent has become shorter");
    } else if (errno == EAGAIN) {
      BeginWrite(patience);
      auto token = asio::redirect_error(asio::use_awaitable, error);
      co_await socket_.async_wait(asio::ip::tcp::socket::wait_write, token);
      absl::Status status = EndWrite(0, error);
      if (!status.ok()) co_return status;
      waited = true;
    } else if (errno != EINTR) {
      error.assign(errno, boost::system::system_category());
    }
  }
  if (error) co_return Broken(error);
  co_return at - offset;
}

Task<void> Transport::Linger(absl::Duration limit) {
  const Clock::time_point deadline = In(limit);
  co_await Goodbye(limit);
  boost::system::error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  // Below TLS: nobody wants to know what comes.
  std::string dropped(kRecord, '\0');
  while (!error && Clock::now() < deadline) {
    Arm(deadline);
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await socket_.async_read_some(asio::buffer(dropped), token);
    Disarm();
  }
}

Task<void> Transport::Goodbye(absl::Duration limit) {
  if (tls_ == nullptr || tls_over_) co_return;
  tls_over_ = true;
  Arm(In(limit));
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  co_await tls_->async_shutdown(token);
  Disarm();
}

void Transport::WatchForClose(std::function<void()> gone, bool until_end) {
  gone_ = std::move(gone);
  until_end_ = until_end;
  if (!gone_) {
    look_at_ = Clock::time_point::max();
    return;
  }
  look_at_ = Clock::now() + kLookEvery;
  if (look_at_ < timer_at_) StartTimer(look_at_);
}

void Transport::LookForClose(Clock::time_point now) {
  look_at_ = Clock::time_point::max();
  if (!gone_) return;
  // Not a read: the end shows behind a next request, or a goodbye of TLS, that nobody has read.
  // A reset, and both directions at their ends, show without being asked for.
  const short end = until_end_ ? POLLRDHUP : 0;
  pollfd state{socket_.native_handle(), end, 0};
  if (::poll(&state, 1, 0) <= 0) {
    look_at_ = now + kLookEvery;
    return;
  }
  std::exchange(gone_, {})();
}

void Transport::Close() {
  boost::system::error_code ignored;
  gone_ = {};
  timer_.cancel();
  socket_.close(ignored);
}

}  // namespace stockroom::http
