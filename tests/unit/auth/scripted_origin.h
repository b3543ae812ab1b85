// An origin of keys that does what a test says.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/api/auth/key_source.h"
#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::api {

inline JwkSetPtr KeysFrom(const std::string& json) {
  return std::make_shared<const JwkSet>(JwkSet::Parse(json).value());
}

// Thread-safe. Outlives the sources that use it.
class ScriptedOrigin {
 public:
  explicit ScriptedOrigin(Clock& clock) : clock_(clock) {}

  void Answer(JwkSetPtr keys) {
    MutexLock lock(mu_);
    answer_ = FetchedKeys{std::move(keys), absl::Minutes(10)};
  }
  void Fail() {
    MutexLock lock(mu_);
    answer_ = Unavailable("NO_ANSWER", "away");
  }
  // Looks wait until Release, or until they are told to stop.
  void Hold() {
    MutexLock lock(mu_);
    held_ = true;
  }
  void Release() {
    MutexLock lock(mu_);
    held_ = false;
    changed_.NotifyAll();
  }
  // Until `count` looks have begun since the beginning.
  void AwaitLooks(size_t count) {
    MutexLock lock(mu_);
    while (looks_.size() < count) changed_.Wait(mu_);
  }
  std::vector<absl::Time> looks() {
    MutexLock lock(mu_);
    return looks_;
  }

  JwksSource::Fetch fetch() {
    return [this](const JwkSetPtr&, const std::function<bool()>& stop) {
      MutexLock lock(mu_);
      looks_.push_back(clock_.Now());
      changed_.NotifyAll();
      while (held_ && !stop()) changed_.WaitFor(mu_, absl::Milliseconds(5));
      return answer_;
    };
  }

 private:
  Clock& clock_;
  Mutex mu_;
  CondVar changed_;
  bool held_ SR_GUARDED_BY(mu_) = false;
  absl::StatusOr<FetchedKeys> answer_ SR_GUARDED_BY(mu_) = Unavailable("NO_ANSWER", "away");
  std::vector<absl::Time> looks_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
