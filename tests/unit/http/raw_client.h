// A client that sends exactly the bytes it is told to, malformed ones included.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace stockroom::http {

struct RawResponse {
  int status = 0;
  std::string head;  // with its final empty line
  std::string body;  // decoded if chunked

  std::string Header(std::string_view name) const {
    size_t at = head.find("\r\n") + 2;
    while (at < head.size()) {
      const size_t end = head.find("\r\n", at);
      const std::string line = head.substr(at, end - at);
      const size_t colon = line.find(": ");
      if (colon == name.size() &&
          std::equal(name.begin(), name.end(), line.begin(),
                     [](char a, char b) { return std::tolower(a) == std::tolower(b); })) {
        return line.substr(colon + 2);
      }
      at = end + 2;
    }
    return "";
  }
};

class RawClient {
 public:
  explicit RawClient(int port, int receive_buffer = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int fd() const { return fd_; }

  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // Nothing more will be sent; what comes is still read.
  void FinishSending() { ::shutdown(fd_, SHUT_WR); }

  // As a client that vanished: the peer gets a reset instead of an end.
  void Reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    Close();
  }

  // False once the peer does not take it any more.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // The next response; status 0 if the connection ended (or 20 s passed) before it was whole.
  RawResponse Receive(bool head_only = false) {
    RawResponse response;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return response;
    }
    response.head = Take(end + 4);
    const int status = std::stoi(response.head.substr(9, 3));
    const bool bodiless = head_only || status == 304 || status == 204 || status < 200;
    if (!bodiless && response.Header("Transfer-Encoding") == "chunked") {
      if (!TakeChunks(&response.body)) return response;
    } else if (!bodiless) {
      const std::string length = response.Header("Content-Length");
      if (length.empty()) {
        while (More()) {
        }
        response.body = Take(buffer_.size());
      } else {
        const size_t n = std::stoull(length);
        while (buffer_.size() < n) {
          if (!More()) return response;
        }
        response.body = Take(n);
      }
    }
    response.status = status;
    return response;
  }

  RawResponse Ask(std::string_view request, bool head_only = false) {
    Send(request);
    return Receive(head_only);
  }

  // Waits for the peer to close; true if nothing came before that.
  bool ClosedSilently() {
    while (More()) {
    }
    return buffer_.empty();
  }

  // Reads one piece into the buffer; false at the end, on a reset, or after 20 s.
  bool More() {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, 20000) <= 0) return false;
    char piece[65536];
    const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
    if (n <= 0) return false;
    buffer_.append(piece, static_cast<size_t>(n));
    return true;
  }

 private:
  std::string Take(size_t n) {
    std::string taken = buffer_.substr(0, n);
    buffer_.erase(0, n);
    return taken;
  }

  bool TakeChunks(std::string* body) {
    while (true) {
      size_t end;
      while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (!More()) return false;
      }
      const size_t size = std::stoull(buffer_.substr(0, end), nullptr, 16);
      while (buffer_.size() < end + 2 + size + 2) {
        if (!More()) return false;
      }
      body->append(buffer_, end + 2, size);
      Take(end + 2 + size + 2);
      if (size == 0) return true;
    }
  }

  int fd_ = -1;
  std::string buffer_;
};

}  // namespace stockroom::http
