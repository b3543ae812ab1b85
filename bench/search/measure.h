// Small helpers of this benchmark's parts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/common/report.h"

namespace stockroom::bench {

using SteadyClock = std::chrono::steady_clock;

inline double MicrosSince(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

// Ends the program with the message.
void Check(const absl::Status& status, const char* what);

// Bytes of this process's own memory (no mapped files), after what was freed has been given back.
uint64_t OwnMemory();

// "1m", "100k".
std::string Short(uint64_t images);

// p50 and p99 of rounds, for the report.
struct Latencies {
  std::vector<double> p50;
  std::vector<double> p99;

  void Add(const std::vector<double>& micros) {
    p50.push_back(Percentile(micros, 0.5));
    p99.push_back(Percentile(micros, 0.99));
  }
};

}  // namespace stockroom::bench
