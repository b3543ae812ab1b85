// Telling work that nobody waits for it any more.
#pragma once

#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "services/common/base/mutex.h"

namespace stockroom {

// Shared between the one who may cancel and those who work. Thread-safe.
class Cancellation {
 public:
  // Runs every registered callback, once, on the calling thread. Later calls do nothing.
  void Cancel();
  bool cancelled() const;

  // `callback` runs when cancelled (at once, if that has happened). It must not block. The returned
  // registration unregisters when it is destroyed; after that the callback neither runs nor is
  // running (destroying it from within the callback is allowed).
  class Registration;
  [[nodiscard]] std::unique_ptr<Registration> OnCancel(absl::AnyInvocable<void()> callback);

  Cancellation();
  ~Cancellation();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Cancellation::Registration {
 public:
  ~Registration();
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  friend class Cancellation;
  Registration(std::shared_ptr<State> state, uint64_t id) : state_(std::move(state)), id_(id) {}
  std::shared_ptr<State> state_;
  uint64_t id_;
};

}  // namespace stockroom
