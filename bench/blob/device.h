// What the device and the filesystem allow.
#pragma once

#include <string>

namespace stockroom::bench {

// A durable put with nothing around it: the system calls of LocalDisk on bytes that are there, and
// no hashing. Into one of 256 folders below `directory`, which it makes if they are missing.
class DevicePuts {
 public:
  explicit DevicePuts(std::string directory);
  // A file of `size` bytes and a footer. Thread-safe.
  void Put(size_t size);

 private:
  const std::string directory_;
};

}  // namespace stockroom::bench
