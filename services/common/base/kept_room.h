// Memory for what is done again and again and needs it for a moment only: asking the allocator for
// much of it each time would cost more than what is done in it.
#pragma once

#include <cstddef>
#include <memory>

namespace stockroom {

// Room for `bytes`: `kept` (a thread's own, made when it is first needed), of which there are
// kMost, or for more than that memory of its own. `kept` must outlive it, and serve one at a time.
template <size_t kMost>
class KeptRoom {
 public:
  KeptRoom(std::unique_ptr<char[]>& kept, size_t bytes)
      : own_(bytes > kMost ? std::make_unique_for_overwrite<char[]>(bytes) : nullptr) {
    if (own_ == nullptr && kept == nullptr) kept = std::make_unique_for_overwrite<char[]>(kMost);
    data_ = own_ == nullptr ? kept.get() : own_.get();
  }

  char* data() const { return data_; }

 private:
  const std::unique_ptr<char[]> own_;
  char* data_ = nullptr;
};

}  // namespace stockroom
