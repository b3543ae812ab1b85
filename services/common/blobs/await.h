// Waiting for what a callback brings.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "services/common/base/mutex.h"

namespace stockroom {

// Calls `start` with a callback and waits until that was called. It always is: every call ends at
// its context's deadline at the latest.
template <typename T, typename Start>
T Await(Start start) {
  struct State {
    Mutex mu;
    CondVar arrived;
    std::optional<T> value SR_GUARDED_BY(mu);
  };
  auto state = std::make_shared<State>();
  start([state](T value) {
    MutexLock lock(state->mu);
    state->value.emplace(std::move(value));
    state->arrived.NotifyAll();
  });
  MutexLock lock(state->mu);
  while (!state->value) state->arrived.Wait(state->mu);
  return *std::move(state->value);
}

}  // namespace stockroom
