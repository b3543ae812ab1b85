// CreateImage per second on SQLite, by the number of calling threads.
#include <cstdio>

#include "absl/time/clock.h"
#include "services/api/metadata/sqlite_store.h"
#include "services/common/base/ids.h"
#include "tests/contract/metadata/temp_folder.h"

#include <atomic>
#include <thread>
#include <vector>

namespace stockroom::api {
namespace {

void Measure(int threads, absl::Duration span) {
  TempFolder folder;
  Metrics metrics;
  const auto store = OpenSqliteStore({.path = folder.file("bench.db")}, metrics).value();
  std::atomic<int64_t> created = 0;
  const absl::Time end = absl::Now() + span;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&] {
      while (absl::Now() < end) {
        NewImage image;
        image.id = NewUuidV7(absl::Now());
        image.owner = "bench";
        image.described.title = "A photograph";
        image.filename = "photo.jpg";
        image.sha256 = Digest::Of(image.id);
        image.md5 = std::string(16, 'm');
        if (store->CreateImage(image, absl::Now()).ok()) ++created;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const uint64_t commits = metrics.GetCounter("stockroom_metadata_commits_total", "").value();
  std::printf("%2d threads: %.0f CreateImage/s, %.1f a commit\n", threads,
              static_cast<double>(created) / absl::ToDoubleSeconds(span),
              static_cast<double>(created) / static_cast<double>(commits));
}

}  // namespace
}  // namespace stockroom::api

int main() {
  for (const int threads : {1, 4, 16}) stockroom::api::Measure(threads, absl::Seconds(3));
  return 0;
}
