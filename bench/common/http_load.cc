#include "bench/common/http_load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

namespace stockroom::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "load: %s (%s)\n", what, std::strerror(errno));
  std::exit(1);
}

struct Connection {
  int fd = -1;
  std::string head;      // as far as it has come
  uint64_t missing = 0;  // of the body; what comes is counted and thrown away
  Clock::time_point due;
};

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options), epoll_(::epoll_create1(0)) {
    connections_.resize(static_cast<size_t>(options.connections));
    for (size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].fd = ConnectTo(options.port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].fd, &event);
      idle_.push_back(i);
    }
  }
  ~Load() {
    for (const Connection& c : connections_) ::close(c.fd);
    ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  LoadResult Run() {
    begun_ = Clock::now();
    const Clock::time_point end = begun_ + absl::ToChronoNanoseconds(options_.duration);
    for (Clock::time_point now = begun_; options_.once ? !AllAnswered() : now < end;
         now = Clock::now()) {
      SendWhatIsDue(now);
      epoll_event events[64];
      const int n = ::epoll_wait(epoll_, events, 64, WaitMs(now));
      for (int i = 0; i < n; ++i) Receive(events[i].data.u64);
    }
    return Summary(std::chrono::duration<double>(Clock::now() - begun_).count());
  }

 private:
  bool AllAnswered() const { return took_ms_.size() == options_.requests.size(); }

  Clock::time_point DueAt(int64_t request) const {
    return begun_ + std::chrono::nanoseconds(
                        static_cast<int64_t>(1e9 * static_cast<double>(request) / options_.paced));
  }

  int WaitMs(Clock::time_point now) const {
    if (options_.paced <= 0 || idle_.empty()) return 100;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(DueAt(sent_) - now);
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 100));
  }

  void SendWhatIsDue(Clock::time_point now) {
    while (!idle_.empty() && !(options_.once && next_ == options_.requests.size())) {
      const Clock::time_point due = options_.paced > 0 ? DueAt(sent_) : now;
      if (due > now) return;
      Connection& connection = connections_[idle_.front()];
      idle_.pop_front();
      connection.due = due;
      ++sent_;
      const std::string& request = options_.requests[next_++ % options_.requests.size()];
      if (::send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request.size())) {
        Fail("a request was not taken");
      }
    }
  }

  void Receive(size_t index) {
    Connection& connection = connections_[index];
    const ssize_t n = ::recv(connection.fd, piece_.data(), piece_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) Fail("the server closed a connection");
    uint64_t of_body = static_cast<uint64_t>(n);
    if (connection.missing == 0) {
      connection.head.append(piece_.data(), of_body);
      const size_t end = connection.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      of_body = connection.head.size() - end - 4;
      connection.head.resize(end + 4);
      connection.missing = LengthIn(connection.head);
      connection.head.clear();
    }
    if (of_body > connection.missing) Fail("more came than was asked for");
    bytes_ += of_body;
    connection.missing -= of_body;
    if (connection.missing > 0) return;
    const std::chrono::duration<double, std::milli> took = Clock::now() - connection.due;
    took_ms_.push_back(took.count());
    idle_.push_back(index);
  }

  static uint64_t LengthIn(const std::string& head) {
    if (head.compare(0, 12, "HTTP/1.1 200") != 0) Fail(head.substr(0, 200).c_str());
    const size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) Fail("no Content-Length");
    const uint64_t length = std::strtoull(head.c_str() + at + 16, nullptr, 10);
    if (length == 0) Fail("an empty body");
    return length;
  }

  LoadResult Summary(double seconds) {
    if (took_ms_.empty()) Fail("no answer at all");
    std::sort(took_ms_.begin(), took_ms_.end());
    const auto at = [&](double part) {
      return took_ms_[std::min(took_ms_.size() - 1,
                               static_cast<size_t>(part * static_cast<double>(took_ms_.size())))];
    };
    return {static_cast<double>(took_ms_.size()) / seconds,
            static_cast<double>(bytes_) / 1e6 / seconds, at(0.5), at(0.99)};
  }

  const LoadOptions options_;
  const int epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> idle_;
  std::vector<double> took_ms_;
  std::string piece_ = std::string(256 << 10, '\0');
  uint64_t bytes_ = 0;
  size_t next_ = 0;
  int64_t sent_ = 0;
  Clock::time_point begun_;
};

}  // namespace

int ConnectTo(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    Fail("can not connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

LoadResult RunLoad(const LoadOptions& options) { return Load(options).Run(); }

}  // namespace stockroom::bench
