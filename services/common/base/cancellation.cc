#include "services/common/base/cancellation.h"

#include <map>
#include <thread>
#include <utility>

namespace stockroom {

struct Cancellation::State {
  mutable Mutex mu;
  CondVar changed;
  bool cancelled SR_GUARDED_BY(mu) = false;
  uint64_t next_id SR_GUARDED_BY(mu) = 1;
  std::map<uint64_t, absl::AnyInvocable<void()>> callbacks SR_GUARDED_BY(mu);
  uint64_t running SR_GUARDED_BY(mu) = 0;  // id of the callback that runs now
  std::thread::id runner SR_GUARDED_BY(mu);
};

Cancellation::Cancellation() : state_(std::make_shared<State>()) {}
Cancellation::~Cancellation() = default;

bool Cancellation::cancelled() const {
  MutexLock lock(state_->mu);
  return state_->cancelled;
}

void Cancellation::Cancel() {
  const std::shared_ptr<State> state = state_;  // a callback may drop the last other owner
  {
    MutexLock lock(state->mu);
    if (state->cancelled) return;
    state->cancelled = true;
  }
  for (;;) {
    absl::AnyInvocable<void()> callback;
    {
      MutexLock lock(state->mu);
      if (state->callbacks.empty()) return;
      auto first = state->callbacks.begin();
      state->running = first->first;
      state->runner = std::this_thread::get_id();
      callback = std::move(first->second);
      state->callbacks.erase(first);
    }
    callback();
    callback = nullptr;
    MutexLock lock(state->mu);
    state->running = 0;
    state->changed.NotifyAll();
  }
}

std::unique_ptr<Cancellation::Registration> Cancellation::OnCancel(
    absl::AnyInvocable<void()> callback) {
  uint64_t id = 0;
  {
    MutexLock lock(state_->mu);
    id = state_->next_id++;
    if (!state_->cancelled) state_->callbacks.emplace(id, std::exchange(callback, nullptr));
  }
  if (callback) callback();
  return std::unique_ptr<Registration>(new Registration(state_, id));
}

Cancellation::Registration::~Registration() {
  MutexLock lock(state_->mu);
  state_->callbacks.erase(id_);
  while (state_->running == id_ && state_->runner != std::this_thread::get_id()) {
    state_->changed.Wait(state_->mu);
  }
}

}  // namespace stockroom
