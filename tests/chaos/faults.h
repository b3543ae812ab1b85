// What happens to processes in the field: they are killed, restarted, and stopped for a while.
#pragma once

#include <map>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/support/cluster.h"

namespace stockroom::chaos {

class Faults {
 public:
  Faults(testing::Cluster& cluster, uint32_t seed) : cluster_(cluster), random_(seed) {}

  // One after another until `end`; every process runs afterwards. An error if one can not be
  // started again, with its log.
  absl::Status RunUntil(absl::Time end);

  // How often each kind happened: kill, kill two, terminate, pause, long pause.
  const std::map<std::string, int>& counts() const { return counts_; }

 private:
  absl::Status One();
  void Pause(absl::Duration shortest, absl::Duration longest);
  std::string AnyProcess();
  absl::Status Restart(const std::string& name);

  testing::Cluster& cluster_;
  std::mt19937 random_;
  std::map<std::string, int> counts_;
};

}  // namespace stockroom::chaos
