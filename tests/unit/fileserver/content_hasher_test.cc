#include "services/fileserver/store/content_hasher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::fileserver {
namespace {

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t seed = 3;
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

void ExpectHashesOf(const std::string& bytes, size_t step, Executor* executor) {
  ContentHasher hasher(executor);
  for (size_t at = 0; at < bytes.size(); at += step) hasher.Update(bytes.substr(at, step));
  const ContentHasher::Result result = hasher.Finish();
  StreamHasher expected(StreamHasher::Md5::kYes);
  expected.Update(bytes);
  EXPECT_EQ(result.sha256, expected.FinishSha256());
  EXPECT_EQ(result.md5, expected.FinishMd5());
  EXPECT_EQ(result.crc32c, Crc32c(bytes));
  EXPECT_TRUE(result.sums.Fits(static_cast<int64_t>(bytes.size())));
  EXPECT_TRUE(result.sums.Verify(0, bytes).ok());
}

TEST(ContentHasher, HashesTheSameWhoeverDoesTheWork) {
  Metrics metrics;
  Executor executor({.name = "hash", .threads = 2, .max_queued = 8}, metrics);
  const std::string bytes = Pattern(5'000'001);
  for (const size_t step : {size_t{1'000}, size_t{262'144}, size_t{1'048'576}, bytes.size()}) {
    ExpectHashesOf(bytes, step, nullptr);
    ExpectHashesOf(bytes, step, &executor);
  }
  ExpectHashesOf("short", 2, &executor);
  // Ends of chunks within blocks of the hashes, at them, and over them.
  for (const size_t step : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{127}}) {
    ExpectHashesOf(bytes.substr(0, 1'000), step, nullptr);
  }
}

TEST(ContentHasher, GoesOnWhenTheExecutorStops) {
  Metrics metrics;
  Executor executor({.name = "hash", .threads = 1, .max_queued = 8}, metrics);
  executor.Shutdown();
  ExpectHashesOf(Pattern(3'000'000), 200'000, &executor);
}

TEST(ContentHasher, MayBeAbandonedWhileItHashes) {
  Metrics metrics;
  Executor executor({.name = "hash", .threads = 2, .max_queued = 8}, metrics);
  for (int i = 0; i < 20; ++i) {
    ContentHasher hasher(&executor);
    for (int chunk = 0; chunk < 4; ++chunk) hasher.Update(std::string(262'144, 'a'));
  }
}

// The only thread is busy, so what is handed on waits, up to the bound.
TEST(ContentHasher, HoldsNoMoreThanItsBound) {
  Metrics metrics;
  Executor executor({.name = "hash", .threads = 1, .max_queued = 8}, metrics);
  Mutex mu;
  CondVar changed;
  bool go_on = false;
  ASSERT_TRUE(executor
                  .Submit([&] {
                    MutexLock lock(mu);
                    while (!go_on) changed.Wait(mu);
                  })
                  .ok());
  std::atomic<int64_t> taken{0};
  std::thread sender([&] {
    ContentHasher hasher(&executor);
    for (int chunk = 0; chunk < 40; ++chunk) {
      hasher.Update(std::string(262'144, 'a'));
      taken += 262'144;
    }
    hasher.Finish();
  });
  const int64_t bound = ContentHasher::kInlineBytes + ContentHasher::kMaxWaiting;
  while (taken < bound) std::this_thread::yield();
  // Time to take more, if anything let it.
  const absl::Time until = absl::Now() + absl::Milliseconds(100);
  while (taken == bound && absl::Now() < until) std::this_thread::yield();
  EXPECT_EQ(taken, bound);
  {
    MutexLock lock(mu);
    go_on = true;
    changed.NotifyAll();
  }
  sender.join();
  EXPECT_EQ(taken, 40 * 262'144);
}

}  // namespace
}  // namespace stockroom::fileserver
