// A TLS server that gives everybody the same answer.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace stockroom::test {

// On 127.0.0.1, one connection after another.
class TlsServer {
 public:
  // `body` is answered as 200 to whatever is asked. Ends the program if it can not listen.
  TlsServer(const std::string& certificate_pem, const std::string& key_pem, std::string body);
  ~TlsServer();

  int port() const { return port_; }

 private:
  void Serve();

  struct Context;
  Context* context_;
  const std::string answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace stockroom::test
