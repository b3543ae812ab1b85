// The search cache: latencies, memory, updates and starts, beside SQLite's FTS5 and MariaDB's
// FULLTEXT. docs/benchmarks.md describes the catalogue and what each figure is.
#include <vector>

#include "bench/search/measure.h"
#include "bench/search/parts.h"
#include "services/common/base/heap.h"
#include "services/common/base/process.h"

namespace stockroom::bench {
namespace {

void MeasureInProcess(const testing::Catalogue& catalogue, const Options& options, Report& report) {
  if (options.Runs("growth")) {
    std::vector<uint64_t> sizes = {100'000};
    if (options.large) sizes.push_back(10'000'000);
    for (const uint64_t images : sizes) {
      if (images == options.images) continue;
      FilledIndex index(catalogue, images, {.lean = images > 1'000'000});
      MeasureSpeed(catalogue, index, options, report, "_" + Short(images));
    }
  }
  const bool needs_index = options.Runs("speed") || options.Runs("updates") ||
                           options.Runs("fts5") || options.Runs("mariadb");
  if (!needs_index) return;
  FilledIndex index(catalogue, options.images, {});
  report.Figure("fill_s", SpreadOf({index.fill_seconds()}), "s");
  if (options.Runs("speed")) MeasureSpeed(catalogue, index, options, report, "");
  if (options.Runs("fts5")) MeasureFts5(catalogue, index, options, report);
  if (options.Runs("mariadb")) MeasureMariaDb(catalogue, index, options, report);
  // Last: it leaves another index behind.
  if (options.Runs("updates")) MeasureUpdates(catalogue, index, options, report);
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  // As the api does.
  SkipSearchForLockCycles();
  JoinFreedMemory();
  const testing::Catalogue catalogue;
  Report report(options.json);
  MeasureInProcess(catalogue, options, report);
  if (options.Runs("checkpoint")) MeasureCheckpoint(catalogue, options, report);
  if (options.Runs("start") || options.Runs("rpc")) MeasureServer(catalogue, options, report);
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
