// Times a step of work.
#pragma once

#include "absl/time/clock.h"
#include "services/common/base/metrics.h"

namespace stockroom::imageproc {

// From its making to its end.
class StepTimer {
 public:
  explicit StepTimer(Histogram& histogram) : histogram_(histogram) {}
  ~StepTimer() { histogram_.Observe(absl::ToDoubleSeconds(absl::Now() - began_)); }
  StepTimer(const StepTimer&) = delete;
  StepTimer& operator=(const StepTimer&) = delete;

 private:
  Histogram& histogram_;
  const absl::Time began_ = absl::Now();
};

}  // namespace stockroom::imageproc
