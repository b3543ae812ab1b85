#include "services/common/base/process.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "services/common/base/mutex.h"

namespace stockroom {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void PrepareSignals() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void SkipSearchForLockCycles() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int WaitForStopSignal() {
  const sigset_t set = StopSignals();
  int signal_number = 0;
  while (sigwait(&set, &signal_number) != 0) {
  }
  std::thread([set] {
    int again = 0;
    sigwait(&set, &again);
    std::_Exit(130);
  }).detach();
  return signal_number;
}

struct DrainWatchdog::State {
  Mutex mu;
  CondVar changed;
  bool over SR_GUARDED_BY(mu) = false;
  std::thread thread;
};

DrainWatchdog::DrainWatchdog(absl::Duration drain_limit) : state_(new State) {
  State* state = state_;
  state->thread = std::thread([state, drain_limit] {
    const absl::Time end = absl::Now() + drain_limit;
    MutexLock lock(state->mu);
    while (!state->over) {
      if (absl::Now() >= end) {
        std::fputs("the drain took too long; ending now\n", stderr);
        std::_Exit(1);
      }
      state->changed.WaitFor(state->mu, end - absl::Now());
    }
  });
}

DrainWatchdog::~DrainWatchdog() {
  {
    MutexLock lock(state_->mu);
    state_->over = true;
    state_->changed.NotifyAll();
  }
  state_->thread.join();
  delete state_;
}

}  // namespace stockroom
