// A small HTTP client for load, the same for every server: one thread, epoll, keep-alive.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace stockroom::bench {

struct LoadOptions {
  int port = 0;
  // Whole ones; connections take the next in turn. Their answers are 200 and have a Content-Length.
  std::vector<std::string> requests;
  int connections = 16;
  absl::Duration duration = absl::Seconds(3);
  // 0: each connection asks again as soon as it has its answer. Else requests a second over all
  // connections, at even distances; the time of each counts from when it was due.
  double paced = 0;
  // Each request once, however long that takes; `duration` does not count.
  bool once = false;
};

struct LoadResult {
  double per_second = 0;
  double megabytes_per_second = 0;  // of bodies
  double p50_ms = 0;
  double p99_ms = 0;
};

// Ends the program if the server does not answer as it should.
LoadResult RunLoad(const LoadOptions& options);

// A connected socket to a port of this machine, non-blocking.
int ConnectTo(int port);

}  // namespace stockroom::bench
