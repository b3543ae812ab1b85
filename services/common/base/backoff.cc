#include "services/common/base/backoff.h"

#include <algorithm>
#include <random>

namespace stockroom {

absl::Duration Backoff::Next() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const double spread = std::uniform_real_distribution<double>(0.0, 1.0)(random);
  const absl::Duration wait = options_.floor + spread * (ceiling_ - options_.floor);
  ceiling_ = std::min(ceiling_ * 2, options_.longest);
  return std::max(wait, options_.floor);
}

}  // namespace stockroom
