#include "tests/chaos/faults.h"

#include <vector>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::chaos {
namespace {

// Longer than the leases of jobs in these runs (tests/chaos/chaos.cc): what the process held was
// given to another meanwhile.
constexpr absl::Duration kLongPause = absl::Seconds(6);

}  // namespace

absl::Status Faults::RunUntil(absl::Time end) {
  while (absl::Now() < end) {
    Pause(absl::Milliseconds(50), absl::Milliseconds(500));
    SR_RETURN_IF_ERROR(One());
  }
  return absl::OkStatus();
}

absl::Status Faults::One() {
  const std::string victim = AnyProcess();
  const int dice = static_cast<int>(random_() % 100);
  if (dice < 55) {
    ++counts_["kill"];
    cluster_.Kill(victim);
    Pause(absl::ZeroDuration(), absl::Milliseconds(400));
    return Restart(victim);
  }
  if (dice < 70) {
    ++counts_["kill two"];
    const std::string other = AnyProcess();
    cluster_.Kill(victim);
    if (other != victim) cluster_.Kill(other);
    Pause(absl::ZeroDuration(), absl::Milliseconds(400));
    SR_RETURN_IF_ERROR(Restart(victim));
    return other == victim ? absl::OkStatus() : Restart(other);
  }
  if (dice < 80) {
    ++counts_["terminate"];
    const int code = cluster_.Stop(victim);
    if (code != 0) {
      return absl::InternalError(victim + " ended with " + std::to_string(code) +
                                 " after SIGTERM: " + cluster_.LogOf(victim));
    }
    return Restart(victim);
  }
  const bool longer = dice >= 96;
  ++counts_[longer ? "long pause" : "pause"];
  cluster_.Pause(victim);
  if (longer) {
    absl::SleepFor(kLongPause);
  } else {
    Pause(absl::Milliseconds(50), absl::Milliseconds(800));
  }
  cluster_.Resume(victim);
  return absl::OkStatus();
}

void Faults::Pause(absl::Duration shortest, absl::Duration longest) {
  absl::SleepFor(shortest + (longest - shortest) * (random_() % 1000) / 1000);
}

std::string Faults::AnyProcess() {
  const std::vector<std::string> names = cluster_.Names();
  return names[random_() % names.size()];
}

// The database first: an api does not start without it. An api may also have been killed while it
// was away.
absl::Status Faults::Restart(const std::string& name) {
  if (cluster_.mariadb() != nullptr && !cluster_.mariadb()->running()) {
    SR_RETURN_IF_ERROR(cluster_.Start("mariadb"));
    if (name == "mariadb") return absl::OkStatus();
  }
  return cluster_.IsRunning(name) ? absl::OkStatus() : cluster_.Start(name);
}

}  // namespace stockroom::chaos
