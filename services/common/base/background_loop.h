// A thread that does something again and again, with pauses that can be cut short.
#pragma once

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "services/common/base/mutex.h"

namespace stockroom {

// Thread-safe. Declare it after everything that the thread uses: it joins when it is destroyed.
class BackgroundLoop {
 public:
  BackgroundLoop() = default;
  ~BackgroundLoop() { Stop(); }
  BackgroundLoop(const BackgroundLoop&) = delete;
  BackgroundLoop& operator=(const BackgroundLoop&) = delete;

  // `run` goes round until Sleep says false. `name` is the thread's, at most 15 characters. Once.
  void Start(const char* name, std::function<void()> run);
  // There is something to do. Never blocks; also counts while nobody sleeps.
  void Poke();
  // Ends the pause and joins. Not from within `run`. Idempotent.
  void Stop();
  bool stopping() const;

  // For `run` alone: returns after `longest`, or, once poked, after `shortest`. False when it is
  // time to stop.
  bool Sleep(absl::Duration longest, absl::Duration shortest = absl::ZeroDuration());

 private:
  mutable Mutex mu_;
  CondVar wake_;
  bool poked_ SR_GUARDED_BY(mu_) = false;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom
