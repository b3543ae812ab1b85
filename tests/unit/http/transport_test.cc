#include "services/common/http/transport.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "tests/unit/http/raw_client.h"
#include "tests/unit/http/test_file.h"

namespace stockroom::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() : client_(acceptor_.local_endpoint().port()), socket_(asio::make_strand(io_)) {
    acceptor_.accept(socket_);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~TransportTest() override {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  RawClient client_;
  tcp::socket socket_;
  std::vector<std::thread> threads_;
};

// An operation of TLS reads as often as it must. The strand is held up until the deadline has
// passed and a first read has ended behind it: then cancelling finds nothing to cancel, and the
// next read begins after it.
TEST_F(TransportTest, ADeadlineEndsATlsOperationThatIsBetweenTwoReads) {
  const asio::any_io_executor strand = socket_.get_executor();
  const int fd = socket_.native_handle();
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  auto transport = std::make_shared<Transport>(std::move(socket_), tls);
  const auto deadline = Transport::In(absl::Milliseconds(50));
  std::future<absl::Status> greeted = asio::co_spawn(
      strand, [=] { return transport->Handshake(deadline); }, asio::use_future);
  std::promise<void> held;
  std::promise<void> go_on;
  asio::post(strand, [&] {
    held.set_value();
    go_on.get_future().wait();
  });
  held.get_future().wait();
  // On the loop's other thread, which hands the earlier timer to the strand first.
  std::promise<void> passed;
  asio::steady_timer later(io_, deadline + std::chrono::milliseconds(10));
  later.async_wait([&](auto) { passed.set_value(); });
  passed.get_future().wait();
  client_.Send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  for (int unread = 1; unread > 0;) {
    std::this_thread::yield();
    ASSERT_EQ(::ioctl(fd, FIONREAD, &unread), 0);
  }
  go_on.set_value();
  const bool ended = greeted.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(ended);
  client_.Close();
  EXPECT_EQ(greeted.get().code(), absl::StatusCode::kDeadlineExceeded);
}

// What was in memory when it began may not be when the peer comes back.
TEST_F(TransportTest, AFileWhosePeerPausedIsLookedAtAnewBeforeItsRestIsSent) {
  constexpr int64_t kSize = 32 << 20;
  const TestFile file(kSize);
  const int descriptor = file.descriptor();
  const int fd = socket_.native_handle();
  const asio::any_io_executor strand = socket_.get_executor();
  auto transport = std::make_shared<Transport>(std::move(socket_), nullptr);
  Patience patience({.longest_pause = absl::Seconds(20), .grace = absl::Seconds(20)});
  std::future<absl::StatusOr<int64_t>> sent = asio::co_spawn(
      strand, [&, transport] { return transport->SendFile("", descriptor, 0, kSize, patience); },
      asio::use_future);
  pollfd writable{fd, POLLOUT, 0};
  int unsent = 0;
  while (unsent == 0 || ::poll(&writable, 1, 0) > 0) {
    std::this_thread::yield();
    ASSERT_EQ(::ioctl(fd, TIOCOUTQ, &unsent), 0);
  }
  // Far longer than what counts as a pause.
  EXPECT_EQ(sent.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  std::string taken(1 << 20, '\0');
  while (sent.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) {
    ASSERT_NE(::recv(client_.fd(), taken.data(), taken.size(), MSG_DONTWAIT), 0);
    std::this_thread::yield();
  }
  const absl::StatusOr<int64_t> part = sent.get();
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_GT(*part, 0);
  EXPECT_LT(*part, kSize);
  asio::post(strand, [transport] { transport->Close(); });
}

}  // namespace
}  // namespace stockroom::http
