// The real file server as a process that can be killed at a chosen operation.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stockroom::power {

// Not thread-safe. Killed when destroyed.
class Server {
 public:
  struct Options {
    std::string root;    // its data_dir
    std::string shadow;  // kept by the shim; "" runs it without
    std::string log;
    long die_at = 0;  // 0: never by itself
    std::vector<std::string> flags;
  };
  explicit Server(Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Starts it and waits until it is ready. UNAVAILABLE: it ended before (with die_at that is no
  // failure).
  absl::Status Start();
  // SIGKILL if it still runs; waits for its end. Whether a signal ended it, and nothing else.
  bool Kill();
  bool running();

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const Options options_;
  const int port_;
  const int http_port_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace stockroom::power
