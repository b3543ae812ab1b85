#include "tests/support/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "services/common/base/mutex.h"

namespace stockroom::testing {
namespace {

constexpr int kFirst = 12'000;
constexpr int kLast = 32'000;  // the kernel's own begin at 32,768

// A name in the abstract namespace is held by whoever has bound it, and freed by the kernel however
// that process ends.
Mutex mu;
std::map<int, int> held_by SR_GUARDED_BY(mu);  // the port's socket

bool Reserve(int port) {
  const int held = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const int length =
      std::snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "stockroom-port-%d", port);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  if (::bind(held, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    ::close(held);
    return false;
  }
  MutexLock lock(mu);
  held_by[port] = held;
  return true;
}

bool CanListen(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool can = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                   ::listen(fd, 1) == 0;
  ::close(fd);
  return can;
}

}  // namespace

int FreePort() {
  std::random_device random;
  std::uniform_int_distribution<int> any(kFirst, kLast);
  for (int i = 0; i < 10'000; ++i) {
    const int port = any(random);
    if (!Reserve(port)) continue;
    if (CanListen(port)) return port;
    GiveBackPort(port);
  }
  std::fprintf(stderr, "no free port\n");
  std::abort();
}

void GiveBackPort(int port) {
  MutexLock lock(mu);
  const auto held = held_by.find(port);
  if (held == held_by.end()) return;
  ::close(held->second);
  held_by.erase(held);
}

}  // namespace stockroom::testing
