// Waiting for other processes.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace stockroom::testing {

// Asks until it holds; fails the test, as fatal, after a minute, which is for machines that do more
// than this. `what` says what was waited for.
inline void Await(const std::string& what, const std::function<bool()>& holds) {
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (!holds()) {
    ASSERT_LT(absl::Now(), end) << what;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace stockroom::testing
