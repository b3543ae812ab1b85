#include "services/common/http/transport.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "tests/unit/http/raw_client.h"

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

}  // namespace
}  // namespace stockroom::http
