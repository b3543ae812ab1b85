// How long a peer is waited for, by how fast it has been. Pure. Internal to services/common/http.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace stockroom::http {

// Each byte that moves buys time, each moment of waiting spends it. So a peer that is fast may
// pause for long, and one that sends a byte now and then, to hold its connection, is given up after
// `grace` and what its few bytes bought.
struct Pace {
  // Longest pause, however fast the peer was before.
  absl::Duration longest_pause;
  // What a peer has at the beginning.
  absl::Duration grace;
  // What must move, averaged. 0: any byte buys the longest pause.
  int64_t bytes_per_second = 0;
};

class Patience {
 public:
  explicit Patience(const Pace& pace)
      : pace_(pace),
        left_(pace.bytes_per_second > 0 ? std::min(pace.grace, pace.longest_pause)
                                        : pace.longest_pause) {}

  // Positive as long as the peer may be waited for.
  absl::Duration left() const { return left_; }

  void Spend(absl::Duration waited, int64_t bytes) {
    if (bytes > 0 && pace_.bytes_per_second == 0) {
      left_ = pace_.longest_pause;
      return;
    }
    left_ -= waited;
    if (bytes <= 0) return;
    left_ +=
        absl::Seconds(static_cast<double>(bytes) / static_cast<double>(pace_.bytes_per_second));
    // Last of all: who waited for the whole pause, and moved enough meanwhile, has it again.
    left_ = std::min(left_, pace_.longest_pause);
  }

 private:
  Pace pace_;
  absl::Duration left_;
};

}  // namespace stockroom::http
