// The clock of the S3 server, as its answers tell it.
//
// Ages of objects are measured by the clock that dated them, and a request is signed with the time
// that its judge will compare with. Precise to about a second.
#pragma once

#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "services/common/base/mutex.h"

namespace stockroom::s3 {

// Thread-safe.
class ServerClock {
 public:
  // `steady` never jumps; it is what lies between two answers.
  explicit ServerClock(std::function<absl::Duration()> steady) : steady_(std::move(steady)) {}

  // An answer said `date` when it arrived, at `seen` of steady().
  void Observe(absl::Time date, absl::Duration seen);
  absl::Duration steady() const { return steady_(); }

  // This machine's clock until the first answer has come.
  absl::Time Now() const;

  // How long both clocks have moved alike: since the last jump of more than kTolerance between two
  // answers; infinite if none was seen. Slewing by NTP is no jump for a week.
  absl::Duration InStep() const;
  static constexpr absl::Duration kTolerance = absl::Minutes(5);

 private:
  const std::function<absl::Duration()> steady_;
  mutable Mutex mu_;
  std::optional<absl::Time> zero_ SR_GUARDED_BY(mu_);  // the server's time when steady was 0
  std::optional<absl::Duration> jumped_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::s3
