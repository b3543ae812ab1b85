// The parts of the benchmark; each prints its figures.
#pragma once

#include <cstdint>
#include <string>

#include "bench/common/report.h"
#include "bench/search/filled_index.h"
#include "bench/search/options.h"
#include "tests/support/catalogue.h"

namespace stockroom::bench {

// Latencies and memory. Figures of other sizes than the main one have `suffix` behind their names.
void MeasureSpeed(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                  Report& report, const std::string& suffix);

// Searches beside a writer.
void MeasureUpdates(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                    Report& report);

// The same searches by SQLite's FTS5 and MariaDB's FULLTEXT.
void MeasureFts5(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                 Report& report);
void MeasureMariaDb(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                    Report& report);

// Until a fresh index is ready: from a checkpoint.
void MeasureCheckpoint(const testing::Catalogue& catalogue, const Options& options, Report& report);

// A whole api on a database with the catalogue: until it is ready, and what it answers over gRPC.
void MeasureServer(const testing::Catalogue& catalogue, const Options& options, Report& report);

}  // namespace stockroom::bench
