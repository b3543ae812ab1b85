// Waiting longer after each failure, with jitter so that many clients do not come back at once.
#pragma once

#include "absl/time/time.h"

namespace stockroom {

// Exponential backoff with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog,
// 2015), never below `floor`. Not thread-safe.
class Backoff {
 public:
  struct Options {
    absl::Duration floor = absl::Milliseconds(20);
    absl::Duration first = absl::Milliseconds(100);
    absl::Duration longest = absl::Seconds(5);
  };
  explicit Backoff(Options options) : options_(options), ceiling_(options.first) {}

  // Uniform in [floor, current ceiling]; doubles the ceiling.
  absl::Duration Next();
  void Reset() { ceiling_ = options_.first; }

 private:
  Options options_;
  absl::Duration ceiling_;
};

}  // namespace stockroom
