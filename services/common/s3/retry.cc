#include "services/common/s3/retry.h"

#include <algorithm>

namespace stockroom::s3 {

bool RetryBudget::Take() {
  MutexLock lock(mu_);
  if (tokens_ < kCost) return false;
  tokens_ -= kCost;
  return true;
}

void RetryBudget::Succeeded() {
  MutexLock lock(mu_);
  tokens_ = std::min(tokens_ + 1, kFull);
}

}  // namespace stockroom::s3
