// Debian's nginx with a folder of its own, as a peer.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>

namespace stockroom::bench {

class Nginx {
 public:
  // Serves `files` (by name, at /NAME) with `workers` worker processes, without an access log, from
  // a free port. Null if nginx is not installed; ends the program if it does not start.
  static std::unique_ptr<Nginx> Start(const std::map<std::string, std::string>& files, int workers);
  ~Nginx();

  int port() const { return port_; }
  // Of the master; the workers are its children.
  pid_t pid() const { return pid_; }

 private:
  Nginx() = default;
  std::string directory_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace stockroom::bench
