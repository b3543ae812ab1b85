// A shared lock that a stream of readers can not keep writers out of, as glibc's can.
#pragma once

#include <shared_mutex>

#include "services/common/base/mutex.h"

namespace stockroom::api {

class SR_CAPABILITY("mutex") ReaderWriterLock {
 public:
  // Held by readers for an instant, and by a writer while it waits: new readers queue behind it.
  void LockShared() SR_TSA_(acquire_shared_capability()) {
    MutexLock gate(gate_);
    mu_.lock_shared();
  }
  void UnlockShared() SR_TSA_(release_shared_capability()) { mu_.unlock_shared(); }
  void Lock() SR_ACQUIRE() {
    MutexLock gate(gate_);
    mu_.lock();
  }
  void Unlock() SR_RELEASE() { mu_.unlock(); }

 private:
  Mutex gate_;
  std::shared_mutex mu_;
};

class SR_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(ReaderWriterLock& lock) SR_TSA_(acquire_shared_capability(lock)) : lock_(lock) {
    lock_.LockShared();
  }
  ~ReadLock() SR_RELEASE() { lock_.UnlockShared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  ReaderWriterLock& lock_;
};

class SR_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(ReaderWriterLock& lock) SR_ACQUIRE(lock) : lock_(lock) { lock_.Lock(); }
  ~WriteLock() SR_RELEASE() { lock_.Unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  ReaderWriterLock& lock_;
};

}  // namespace stockroom::api
