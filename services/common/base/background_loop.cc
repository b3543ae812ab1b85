#include "services/common/base/background_loop.h"

#include <pthread.h>

#include <utility>

#include "services/common/base/clock.h"

namespace stockroom {

void BackgroundLoop::Start(const char* name, std::function<void()> run) {
  thread_ = std::thread([name, run = std::move(run)] {
    pthread_setname_np(pthread_self(), name);
    run();
  });
}

void BackgroundLoop::Poke() {
  MutexLock lock(mu_);
  poked_ = true;
  wake_.NotifyOne();
}

void BackgroundLoop::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool BackgroundLoop::stopping() const {
  MutexLock lock(mu_);
  return stopping_;
}

bool BackgroundLoop::Sleep(absl::Duration longest, absl::Duration shortest) {
  MutexLock lock(mu_);
  const absl::Duration begun = BootTimeNow();
  for (;;) {
    const absl::Duration slept = BootTimeNow() - begun;
    if (stopping_) return false;
    if (slept >= (poked_ ? shortest : longest)) break;
    wake_.WaitFor(mu_, (poked_ ? shortest : longest) - slept);
  }
  poked_ = false;
  return true;
}

}  // namespace stockroom
