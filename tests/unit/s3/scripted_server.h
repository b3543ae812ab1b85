// A server on loopback that does with each request exactly what a test says.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace stockroom::s3 {

class ScriptedServer {
 public:
  struct Deed {
    std::string bytes;              // sent as they are
    bool close = false;             // then the connection ends
    bool reset = false;             // with a reset, before anything is sent
    size_t read_at_most = 1 << 30;  // of the request's body
  };
  // For the number of the request, from 0, and its head: what to do. Asked before the body is read.
  using Script = std::function<Deed(int number, const std::string& head)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    origin_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    for (std::thread& serving : serving_) serving.join();
    for (const int fd : open_) ::close(fd);
    ::close(fd_);
  }

  const std::string& origin() const { return origin_; }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  // Of the last request whose body was read whole.
  size_t body_bytes() const { return body_bytes_; }

  static std::string Answer(const std::string& status, const std::string& body = "",
                            const std::string& fields = "") {
    return "HTTP/1.1 " + status + "\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void Run() {
    for (int fd = 0; (fd = ::accept(fd_, nullptr, nullptr)) >= 0;) {
      ++connections_;
      // The connection ends when its thread does; its number is free again only at the very end.
      open_.push_back(fd);
      serving_.emplace_back([this, fd] {
        while (ServeOne(fd)) {
        }
      });
    }
  }

  bool ServeOne(int fd) {
    std::string bytes;
    size_t head = 0;
    while ((head = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive(fd, bytes)) return false;
    }
    head += 4;
    const Deed deed = script_(requests_++, bytes.substr(0, head));
    const size_t at = bytes.find("Content-Length: ");
    size_t length = at < head ? std::stoul(bytes.substr(at + 16)) : 0;
    length = std::min(length, deed.read_at_most);
    while (bytes.size() < head + length) {
      if (!Receive(fd, bytes)) return false;
    }
    body_bytes_ = length;
    if (deed.reset) {
      // What was not read makes it one.
      ::shutdown(fd, SHUT_RDWR);
      return false;
    }
    for (size_t sent = 0; sent < deed.bytes.size();) {
      const ssize_t n =
          ::send(fd, deed.bytes.data() + sent, deed.bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    if (deed.close) ::shutdown(fd, SHUT_RDWR);
    return !deed.close;
  }

  static bool Receive(int fd, std::string& to) {
    char buffer[64 << 10];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    to.append(buffer, static_cast<size_t>(n));
    return true;
  }

  const Script script_;
  std::string origin_;
  int fd_ = -1;
  // Of the accepting thread.
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  std::atomic<int> connections_{0};
  std::atomic<int> requests_{0};
  std::atomic<size_t> body_bytes_{0};
  std::thread thread_;
};

}  // namespace stockroom::s3
