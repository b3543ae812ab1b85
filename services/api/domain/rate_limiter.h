// How many requests each caller may make.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// The generic cell rate algorithm (ITU-T I.371): a caller may make `burst` requests at once and one
// every 1 / per_second seconds after. Of this process: a caller whose requests are spread over n
// apis may make n times as many. Thread-safe.
//
// Metric: stockroom_rate_limited_callers.
class RateLimiter {
 public:
  struct Options {
    double per_second = 0;  // 0: no limit
    int64_t burst = 0;      // 0: two seconds' worth
    // Callers remembered. Each costs about 150 bytes. Past it some of those are forgotten that
    // could make a full burst again; if none is found soon, any one.
    size_t max_callers = 100'000;
  };
  // As in the header fields RateLimit-Limit, -Remaining and -Reset.
  struct Decision {
    bool allowed = true;
    int64_t limit = 0;
    int64_t remaining = 0;
    // Until the whole limit is there again.
    absl::Duration reset;
    // Until the next request is allowed; zero if this one was.
    absl::Duration retry_after;
  };
  RateLimiter(Options options, Metrics& metrics);

  bool on() const { return options_.per_second > 0; }
  // Counts a request of `caller` if it is allowed. Only where on().
  Decision Take(const std::string& caller, absl::Time now);
  // Whether Take would refuse; counts nothing.
  bool Exhausted(const std::string& caller, absl::Time now);

 private:
  void MakeRoom(absl::Time now) SR_REQUIRES(mu_);

  const Options options_;
  const absl::Duration interval_;
  const absl::Duration tolerance_;
  Gauge& callers_gauge_;
  Mutex mu_;
  // Theoretical arrival time of the next request of a caller who has used up everything.
  std::unordered_map<std::string, absl::Time> arrival_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
