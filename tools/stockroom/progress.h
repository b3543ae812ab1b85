// How far an upload is: the arithmetic, and the line that shows it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "services/common/base/mutex.h"
#include "tools/stockroom/output.h"

namespace stockroom::cli {

// Bytes per second over the last seconds. Not thread-safe.
class RateMeter {
 public:
  explicit RateMeter(absl::Duration window = absl::Seconds(8)) : window_(window) {}
  // `total` so far at `now`; both only grow.
  void Sample(absl::Time now, int64_t total);
  // Unset until two samples lie apart.
  std::optional<double> PerSecond() const;

 private:
  const absl::Duration window_;
  std::deque<std::pair<absl::Time, int64_t>> samples_;
};

struct ProgressCounts {
  int64_t files_done = 0;
  int64_t bytes_done = 0;  // sent or found to be there
  int64_t files_failed = 0;
  // What there is to do; grows while folders are still being read.
  int64_t files_total = 0;
  int64_t bytes_total = 0;
  bool total_is_known = false;
};

struct ProgressLine {
  ProgressCounts counts;
  std::optional<double> bytes_per_second;
};

// Remaining bytes at this rate; unset while total or rate are unknown.
std::optional<absl::Duration> TimeLeft(const ProgressLine& line);

// One line of at most `width` columns; what does not fit is left out, the least important first.
std::string RenderProgress(const ProgressLine& line, int width, bool utf8);

// Counts from many threads; draws ten times a second on a terminal, does nothing elsewhere. The
// line is gone when this is destroyed.
class Progress {
 public:
  Progress(Output& out, bool draw);
  ~Progress();

  void AddBytes(int64_t n);  // negative when a try is given up
  // `rest`: bytes of the file that were not counted by AddBytes.
  void FileDone(bool failed, int64_t rest);
  void SetTotal(int64_t files, int64_t bytes, bool known);
  ProgressCounts counts() const;

 private:
  void Draw();

  Output& out_;
  mutable Mutex mu_;
  CondVar changed_;
  ProgressCounts counts_ SR_GUARDED_BY(mu_);
  bool over_ SR_GUARDED_BY(mu_) = false;
  std::thread drawer_;
};

}  // namespace stockroom::cli
