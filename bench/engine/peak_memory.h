// How much memory short-lived processes held at most.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <thread>

namespace stockroom::bench {

// While it lives, looks every millisecond at what descends from `ancestor`.
class PeakMemory {
 public:
  explicit PeakMemory(pid_t ancestor);
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  // The highest VmHWM of a single one of them, in MB.
  double Megabytes() const { return peak_kb_.load() * 1024.0 / 1e6; }

 private:
  std::atomic<int64_t> peak_kb_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace stockroom::bench
