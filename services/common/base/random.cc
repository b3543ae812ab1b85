#include "services/common/base/random.h"

#include <openssl/rand.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <utility>

namespace stockroom {
namespace {

constexpr size_t kDrawnAhead = 1024;

// Counts forks: what was drawn before one belongs to the parent.
std::atomic<uint64_t> forks{0};
[[maybe_unused]] const int registered =
    ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });

struct Drawn {
  std::string bytes;
  size_t used = 0;
  uint64_t before = 0;  // forks
};

}  // namespace

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  const int result =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
  if (result != 1) std::abort();  // ids that collide would lose data, secrets would be no secrets
  return bytes;
}

std::string RandomIdBytes(size_t count) {
  thread_local Drawn drawn;
  const uint64_t now = forks.load(std::memory_order_relaxed);
  if (drawn.bytes.size() < drawn.used + count || drawn.before != now) {
    drawn = {RandomBytes(kDrawnAhead), 0, now};
  }
  return drawn.bytes.substr(std::exchange(drawn.used, drawn.used + count), count);
}

}  // namespace stockroom
