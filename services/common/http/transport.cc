#include "services/common/http/transport.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>

#include "services/common/base/status.h"

namespace stockroom::http {
namespace asio = boost::asio;

Transport::Transport(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Transport::Arm(Clock::time_point deadline) {
  timed_out_ = false;
  deadline_ = deadline;
  if (deadline_ < timer_at_) StartTimer();
}

void Transport::StartTimer() {
  timer_at_ = deadline_;
  timer_.expires_at(timer_at_);
  timer_.async_wait([weak = weak_from_this(), generation = ++timer_generation_](auto) {
    if (auto self = weak.lock()) self->OnTimer(generation);
  });
}

void Transport::OnTimer(uint64_t generation) {
  // Setting the timer anew cancels the older wait, which then arrives here too.
  if (generation != timer_generation_) return;
  timer_at_ = Clock::time_point::max();
  if (deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) {
    StartTimer();
    return;
  }
  timed_out_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<absl::StatusOr<size_t>> Transport::ReadSome(size_t max, Clock::time_point deadline) {
  const size_t before = buffer_.size();
  buffer_.resize(before + max);
  Arm(deadline);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const size_t n =
      co_await socket_.async_read_some(asio::buffer(buffer_.data() + before, max), token);
  Disarm();
  buffer_.resize(before + n);
  if (!error) co_return n;
  if (error == asio::error::eof) co_return size_t{0};
  if (timed_out_) co_return absl::DeadlineExceededError("nothing was received in time");
  co_return absl::UnavailableError("the connection broke: " + error.message());
}

Task<absl::Status> Transport::Write(std::string_view head, std::string_view body,
                                    absl::Duration idle) {
  while (!head.empty() || !body.empty()) {
    Arm(In(idle));
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head.data(), head.size()),
                                                       asio::buffer(body.data(), body.size())};
    const size_t n = co_await socket_.async_write_some(buffers, token);
    Disarm();
    if (error) {
      if (timed_out_) co_return absl::DeadlineExceededError("the client takes no more bytes");
      co_return absl::UnavailableError("the connection broke: " + error.message());
    }
    const size_t of_head = std::min(n, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(n - of_head);
  }
  co_return absl::OkStatus();
}

Task<void> Transport::Linger(absl::Duration limit) {
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const Clock::time_point deadline = In(limit);
  while (Clock::now() < deadline) {
    buffer_.clear();
    const absl::StatusOr<size_t> n = co_await ReadSome(64 << 10, deadline);
    if (!n.ok() || *n == 0) break;
  }
}

void Transport::WatchForClose(std::function<void()> gone) {
  gone_ = std::move(gone);
  if (!gone_ || watching_) return;
  watching_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [weak = weak_from_this()](auto error) {
    auto self = weak.lock();
    if (self == nullptr) return;
    self->watching_ = false;
    if (!error) self->OnReadable();
  });
}

void Transport::OnReadable() {
  if (!gone_) return;
  char byte;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return;  // the next request is here already; what comes behind it can not be seen
  std::function<void()> gone = std::move(gone_);
  gone_ = {};
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    WatchForClose(std::move(gone));
  } else {
    gone();
  }
}

void Transport::Close() {
  boost::system::error_code ignored;
  gone_ = {};
  timer_.cancel();
  socket_.close(ignored);
}

}  // namespace stockroom::http
