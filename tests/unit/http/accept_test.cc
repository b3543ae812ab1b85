#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "services/common/http/connection.h"
#include "tests/unit/http/raw_client.h"

namespace {

// Whether memory for one connection is to be missing, once.
std::atomic<bool> g_no_room = false;

// With what make_shared puts before it: two counters behind a table of functions.
bool IsOneConnection(size_t size) { return size == sizeof(stockroom::http::Connection) + 16; }

}  // namespace

void* operator new(size_t size) {
  bool no_room = true;
  if (IsOneConnection(size) && g_no_room.compare_exchange_strong(no_room, false)) {
    throw std::bad_alloc();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace stockroom::http {
namespace {

TEST(Accept, AConnectionThatCanNotBeMadeIsNotTheLastOne) {
  Metrics metrics;
  Router router;
  ASSERT_TRUE(MountOperational(router, metrics, [] { return std::vector<std::string>(); }).ok());
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  auto server = Server::Start(options, std::move(router), metrics);
  ASSERT_TRUE(server.ok()) << server.status();
  Counter& refused =
      metrics.GetCounter("stockroom_http_refused_total", "", {{"why", "connections"}});
  g_no_room = true;
  RawClient unlucky((*server)->port());
  EXPECT_TRUE(unlucky.ClosedSilently());
  EXPECT_FALSE(g_no_room) << "the connection is made in another way now";
  EXPECT_EQ(refused.value(), 1u);
  RawClient next((*server)->port());
  EXPECT_EQ(next.Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

}  // namespace
}  // namespace stockroom::http
