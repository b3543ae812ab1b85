// How often and how soon a request is sent again.
#pragma once

#include "services/common/base/backoff.h"
#include "services/common/base/mutex.h"

namespace stockroom::s3 {

// A bucket of tokens that all requests of a process share: repetitions take from it, successes give
// back. While a server is down or overloaded it runs empty, and each request is sent once only,
// instead of several times when that hurts most. Thread-safe.
class RetryBudget {
 public:
  // As the AWS SDKs' standard mode: 100 repetitions from full, one back for five successes.
  static constexpr int kFull = 500;
  static constexpr int kCost = 5;

  // False: do not repeat.
  bool Take();
  void Succeeded();

 private:
  Mutex mu_;
  int tokens_ SR_GUARDED_BY(mu_) = kFull;
};

struct RetryOptions {
  int attempts = 4;  // the first one included
  Backoff::Options backoff = {.floor = absl::Milliseconds(20),
                              .first = absl::Milliseconds(100),
                              .longest = absl::Seconds(5)};
  // Of what Retry-After asks for.
  absl::Duration longest_wait = absl::Seconds(10);
};

}  // namespace stockroom::s3
