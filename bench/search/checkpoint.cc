#include <vector>

#include "bench/search/measure.h"
#include "bench/search/parts.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {

// The files are in the page cache, as they are after a restart of the process (not of the machine).
void MeasureCheckpoint(const testing::Catalogue& catalogue, const Options& options,
                       Report& report) {
  testing::TempFolder folder;
  std::vector<double> saved;
  {
    FilledIndex index(catalogue, options.images, {.folder = folder.file("index")});
    const auto start = SteadyClock::now();
    Check(index.memory_index().SaveCheckpoint(1), "saving a checkpoint");
    saved.push_back(MicrosSince(start) / 1000);
  }
  std::vector<double> started;
  for (int round = 0; round <= options.pairs; ++round) {
    Metrics metrics;
    const auto start = SteadyClock::now();
    auto index = api::MemorySearchIndex::Open(IndexOptions(folder.file("index")), metrics);
    Check(index.status(), "opening");
    Check((*index)->LoadCheckpoint().status(), "loading a checkpoint");
    const double milliseconds = MicrosSince(start) / 1000;
    if (round > 0) started.push_back(milliseconds);
    if ((*index)->size() == 0) Check(absl::DataLossError("nothing in it"), "loading");
  }
  report.Figure("save_checkpoint_ms", SpreadOf(saved), "ms");
  report.Figure("start_checkpoint_ms", SpreadOf(started), "ms");
}

}  // namespace stockroom::bench
