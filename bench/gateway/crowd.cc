#include "bench/gateway/crowd.h"

#include <sys/socket.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "bench/common/http_load.h"

namespace stockroom::bench {
namespace {

constexpr char kBegin[] = "GET /v1/images HTTP/1.1\r\nHost: a\r\nX: ";

int ConnectSlow(int port) {
  const int fd = ConnectTo(port);
  (void)::send(fd, kBegin, sizeof kBegin - 1, MSG_NOSIGNAL);
  return fd;
}

}  // namespace

Crowd::Crowd(int port, int idle, int slow) {
  for (int i = 0; i < idle; ++i) idle_.push_back(ConnectTo(port));
  for (int i = 0; i < slow; ++i) slow_.push_back(ConnectSlow(port));
  thread_ = std::thread([this, port] { Drip(port); });
}

Crowd::~Crowd() {
  stopping_ = true;
  thread_.join();
  for (const int fd : idle_) ::close(fd);
  for (const int fd : slow_) ::close(fd);
}

// A byte a second from each, spread over that second.
void Crowd::Drip(int port) {
  while (!stopping_) {
    for (size_t i = 0; i < slow_.size() && !stopping_; ++i) {
      absl::SleepFor(absl::Seconds(1) / static_cast<double>(slow_.size()));
      if (::send(slow_[i], "x", 1, MSG_NOSIGNAL) == 1) continue;
      ::close(slow_[i]);
      slow_[i] = ConnectSlow(port);
    }
    if (slow_.empty()) absl::SleepFor(absl::Milliseconds(10));
  }
}

}  // namespace stockroom::bench
