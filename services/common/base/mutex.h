// std::mutex with clang's thread-safety annotations. Not absl::Mutex: Debian's Abseil is not
// instrumented, so TSan reports races in correct programs that use it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

#if defined(__clang__)
#define SR_TSA_(x) __attribute__((x))
#else
#define SR_TSA_(x)
#endif
#define SR_CAPABILITY(x) SR_TSA_(capability(x))
#define SR_SCOPED_CAPABILITY SR_TSA_(scoped_lockable)
#define SR_GUARDED_BY(x) SR_TSA_(guarded_by(x))
#define SR_PT_GUARDED_BY(x) SR_TSA_(pt_guarded_by(x))
#define SR_REQUIRES(...) SR_TSA_(requires_capability(__VA_ARGS__))
#define SR_EXCLUDES(...) SR_TSA_(locks_excluded(__VA_ARGS__))
#define SR_ACQUIRE(...) SR_TSA_(acquire_capability(__VA_ARGS__))
#define SR_RELEASE(...) SR_TSA_(release_capability(__VA_ARGS__))
#define SR_NO_THREAD_SAFETY_ANALYSIS SR_TSA_(no_thread_safety_analysis)

namespace stockroom {

class SR_CAPABILITY("mutex") Mutex {
 public:
  void Lock() SR_ACQUIRE() { mu_.lock(); }
  void Unlock() SR_RELEASE() { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

class SR_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mu) SR_ACQUIRE(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() SR_RELEASE() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

class CondVar {
 public:
  // Waits until notified or woken for no reason: always wait in a loop over the condition.
  void Wait(Mutex& mu) SR_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // As Wait; returns false once `timeout` has passed.
  bool WaitFor(Mutex& mu, absl::Duration timeout) SR_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    // Infinite durations would overflow the condition variable's clock arithmetic.
    const auto bounded = absl::ToChronoMilliseconds(std::min(timeout, absl::Hours(24)));
    const bool notified = cv_.wait_for(lock, bounded) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace stockroom
