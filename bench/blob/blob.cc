// The file server's speed. Needs some 20 GB on the disk of the folder for temporary files (TMPDIR),
// which it cleans up.
#include <filesystem>

#include "bench/blob/common.h"
#include "bench/blob/http_get.h"
#include "bench/blob/million.h"
#include "bench/blob/puts.h"
#include "bench/blob/streams.h"
#include "bench/common/report.h"
#include "services/common/base/heap.h"
#include "services/common/base/log.h"
#include "services/common/base/process.h"
#include "services/common/blobs/remote_blob_client.h"

int main(int argc, char** argv) {
  using namespace stockroom::bench;
  const Arguments arguments = ParseArguments(argc, argv,
                                             "usage: bench-blob [--json] [--pairs N]"
                                             " [--rows N]   (blobs, instead of 1,000,000)"
                                             " [--only puts|streams|http|million]");
  // As services do.
  stockroom::SkipSearchForLockCycles();
  stockroom::KeepFreedMemory(stockroom::kKeptForDownloads);
  stockroom::InitLogging("bench", stockroom::LogLevel::kWarning);
  Report report(arguments.json);
  report.On(DeviceOf(std::filesystem::temp_directory_path().string()));
  const auto wanted = [&](const char* part) {
    return arguments.only.empty() || arguments.only == part;
  };
  if (wanted("puts")) MeasurePuts(arguments.pairs, report);
  if (wanted("streams")) MeasureStreams(arguments.pairs, report);
  if (wanted("http")) MeasureHttpGet(arguments.pairs, report);
  const bool all = arguments.rows == Arguments{}.rows;
  if (wanted("million")) {
    MeasureMillion(arguments.pairs, all ? 1'000'000 : arguments.rows, report);
  }
  return 0;
}
