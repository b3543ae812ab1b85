// Debian's nginx with a folder of its own, as a peer.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

namespace stockroom::bench {

class Nginx {
 public:
  // Serves `file` as /file with `workers` worker processes, without an access log, from a free
  // port. Null if nginx is not installed; ends the program if it does not start.
  static std::unique_ptr<Nginx> Start(const std::string& file, int workers);
  ~Nginx();

  int port() const { return port_; }

 private:
  Nginx() = default;
  std::string directory_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace stockroom::bench
