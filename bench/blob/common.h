// What the measurements of the file server share.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::bench {

// Ends the program with the error.
void EndUnless(const absl::Status& status);
template <typename T>
T OrEnd(absl::StatusOr<T> value) {
  EndUnless(value.status());
  return *std::move(value);
}

// stockroom-fileserver in a process of its own, ready when made; no reserve, and few log lines, as
// its peers write none.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& data_directory,
                         const std::vector<std::string>& arguments = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int http_port() const { return http_port_; }
  pid_t pid() const { return pid_; }
  std::string grpc_target() const;
  // From fork until it says that it is ready.
  double start_ms() const { return start_ms_; }
  // "VmRSS" or "VmHWM" (the most so far) of /proc/PID/status.
  double Megabytes(const std::string& field) const;

 private:
  int http_port_;
  int grpc_port_;
  double start_ms_ = 0;
  pid_t pid_ = 0;
};

// "ext4 on /dev/vda (rw,relatime)" of the filesystem that holds `path`.
std::string DeviceOf(const std::string& path);

}  // namespace stockroom::bench
