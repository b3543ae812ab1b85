// Images a second that Apply takes in: fill_bench [images [threads [images a batch [followed]]]].
// `followed` of them come as changes afterwards.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "services/api/handlers/wire_image.h"
#include "services/api/search/memory_search_index.h"
#include "services/common/base/metrics.h"
#include "tests/support/catalogue.h"

namespace stockroom::api {
namespace {

double Seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Runs `batches` on the threads; prints images a second of the clock and of a processor.
void Measure(const char* what, MemorySearchIndex& index, std::vector<std::vector<Image>> batches,
             int threads) {
  size_t images = 0;
  for (const auto& batch : batches) images += batch.size();
  const double wall = Seconds(CLOCK_MONOTONIC);
  const double all = Seconds(CLOCK_PROCESS_CPUTIME_ID);
  std::atomic<size_t> next{0};
  std::atomic<int64_t> micros{0};
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      for (size_t i = next++; i < batches.size(); i = next++) {
        index.Apply(std::move(batches[i]), {});
      }
      micros += static_cast<int64_t>(Seconds(CLOCK_THREAD_CPUTIME_ID) * 1e6);
    });
  }
  for (std::thread& thread : running) thread.join();
  const auto n = static_cast<double>(images);
  std::printf("%-8s %9.0f images/s, %9.0f a processor of the writers, %9.0f of all\n", what,
              n / (Seconds(CLOCK_MONOTONIC) - wall), n * 1e6 / static_cast<double>(micros.load()),
              n / (Seconds(CLOCK_PROCESS_CPUTIME_ID) - all));
}

int Main(int argc, char** argv) {
  const auto number = [&](int at, long value) { return argc > at ? std::atol(argv[at]) : value; };
  const auto images = static_cast<uint64_t>(number(1, 100'000));
  const int threads = static_cast<int>(number(2, 1));
  const auto batch = static_cast<uint64_t>(number(3, 500));
  const auto followed = static_cast<uint64_t>(number(4, 20'000));
  const testing::Catalogue catalogue;
  Metrics metrics;
  const auto opened =
      MemorySearchIndex::Open({.encoder = {.basic = BasicWireOf, .rest = AnalysisWireOf}}, metrics);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    return 1;
  }
  MemorySearchIndex& index = **opened;
  const auto make = [&](uint64_t count, uint64_t stride, int64_t revision) {
    std::vector<std::vector<Image>> batches;
    for (uint64_t i = 0; i < count; ++i) {
      if (i % batch == 0) batches.emplace_back();
      batches.back().push_back(catalogue.At(i * stride % images, revision));
    }
    return batches;
  };
  index.BeginLoading();
  Measure("filled", index, make(images, 1, 1), threads);
  const double end = Seconds(CLOCK_MONOTONIC);
  index.EndLoading();
  std::printf("counted  %9.2f s\n", Seconds(CLOCK_MONOTONIC) - end);
  const double wall = Seconds(CLOCK_MONOTONIC);
  index.Settle();
  std::printf("settled  %9.2f s\n", Seconds(CLOCK_MONOTONIC) - wall);
  Measure("followed", index, make(followed, 48'271, 2), threads);
  for (const MemoryPart& part : index.Memory()) {
    std::printf("%-12s %6.1f B an image\n", part.name.c_str(),
                static_cast<double>(part.bytes) / static_cast<double>(images));
  }
  return 0;
}

}  // namespace
}  // namespace stockroom::api

int main(int argc, char** argv) { return stockroom::api::Main(argc, argv); }
