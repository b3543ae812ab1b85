// A receiver on loopback that answers exactly the bytes it is told to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "services/common/base/mutex.h"

namespace stockroom::api {

class Receiver {
 public:
  // `answer` gets the request's bytes; what it returns is sent, and the connection closed. With
  // nothing to return it stays open, silent, until the receiver is destroyed.
  explicit Receiver(std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Receiver() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
    for (const int fd : silent_) ::close(fd);
  }

  std::string url(const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port_) + "/hook";
  }
  std::vector<std::string> requests() {
    MutexLock lock(mu_);
    return requests_;
  }

 private:
  void Run() {
    for (int fd = 0; (fd = ::accept(fd_, nullptr, nullptr)) >= 0;) {
      const std::string request = ReadRequest(fd);
      {
        MutexLock lock(mu_);
        requests_.push_back(request);
      }
      const std::string bytes = answer_(request);
      if (bytes.empty()) {
        silent_.push_back(fd);
        continue;
      }
      for (size_t sent = 0; sent < bytes.size();) {
        const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
      ::close(fd);
    }
  }
  // Up to the end of the body that content-length announces.
  static std::string ReadRequest(int fd) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
      const size_t head = bytes.find("\r\n\r\n");
      const size_t length = bytes.find("Content-Length: ");
      if (head != std::string::npos && length != std::string::npos &&
          bytes.size() >= head + 4 + std::stoul(bytes.substr(length + 16))) {
        return bytes;
      }
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return bytes;
      bytes.append(buffer, static_cast<size_t>(n));
    }
  }

  const std::function<std::string(const std::string&)> answer_;
  int fd_ = -1;
  int port_ = 0;
  std::vector<int> silent_;  // of the thread
  Mutex mu_;
  std::vector<std::string> requests_ SR_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stockroom::api
