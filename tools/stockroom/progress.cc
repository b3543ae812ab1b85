#include "tools/stockroom/progress.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr absl::Duration kFrame = absl::Milliseconds(100);

double Fraction(const ProgressCounts& counts) {
  if (!counts.total_is_known) return 0;
  if (counts.bytes_total <= 0) {
    return counts.files_total <= 0
               ? 1
               : static_cast<double>(counts.files_done) / static_cast<double>(counts.files_total);
  }
  return static_cast<double>(counts.bytes_done) / static_cast<double>(counts.bytes_total);
}

std::string Bar(double fraction, int columns, bool utf8) {
  const double filled = std::clamp(fraction, 0.0, 1.0) * columns;
  std::string bar;
  if (!utf8) {
    for (int i = 0; i < columns; ++i) bar += i < static_cast<int>(filled) ? '#' : '.';
    return "[" + bar + "]";
  }
  for (int i = 0; i < columns; ++i) bar += i < static_cast<int>(filled) ? "█" : "░";
  return bar;
}

}  // namespace

void RateMeter::Sample(absl::Time now, int64_t total) {
  samples_.emplace_back(now, total);
  // One sample from before the window stays: its beginning.
  while (samples_.size() > 2 && now - samples_[1].first >= window_) samples_.pop_front();
}

std::optional<double> RateMeter::PerSecond() const {
  if (samples_.size() < 2) return std::nullopt;
  const absl::Duration span = samples_.back().first - samples_.front().first;
  if (span < absl::Milliseconds(200)) return std::nullopt;
  const auto bytes = static_cast<double>(samples_.back().second - samples_.front().second);
  return std::max(0.0, bytes / absl::ToDoubleSeconds(span));
}

std::optional<absl::Duration> TimeLeft(const ProgressLine& line) {
  if (!line.counts.total_is_known || !line.bytes_per_second || *line.bytes_per_second < 1) {
    return std::nullopt;
  }
  const int64_t left = std::max<int64_t>(0, line.counts.bytes_total - line.counts.bytes_done);
  return absl::Seconds(static_cast<double>(left) / *line.bytes_per_second);
}

std::string RenderProgress(const ProgressLine& line, int width, bool utf8) {
  const ProgressCounts& c = line.counts;
  const std::string more = c.total_is_known ? "" : "+";
  struct Part {
    std::string text;
    int importance;
  };
  std::vector<Part> parts;
  if (c.total_is_known) {
    // 100 % is said only when everything is done.
    const int percent =
        c.files_done >= c.files_total ? 100 : std::min(99, static_cast<int>(Fraction(c) * 100));
    parts.push_back({absl::StrFormat("%3d%%", percent), 9});
  }
  parts.push_back(
      {absl::StrCat(HumanCount(c.files_done), "/", HumanCount(c.files_total), more, " files"), 8});
  parts.push_back(
      {absl::StrCat(HumanBytes(c.bytes_done), " of ", HumanBytes(c.bytes_total), more), 4});
  if (line.bytes_per_second) {
    parts.push_back(
        {absl::StrCat(HumanBytes(static_cast<int64_t>(*line.bytes_per_second)), "/s"), 5});
  }
  if (const auto left = TimeLeft(line)) {
    parts.push_back({absl::StrCat(HumanDuration(std::max(*left, absl::Seconds(1))), " left"), 6});
  }
  if (c.files_failed > 0) parts.push_back({absl::StrCat(HumanCount(c.files_failed), " failed"), 7});

  const auto joined = [&] {
    std::string text;
    for (const Part& part : parts) absl::StrAppend(&text, text.empty() ? "" : "  ", part.text);
    return text;
  };
  // The last column stays free: terminals wrap in it.
  while (parts.size() > 1 && Columns(joined()) > width - 1) {
    parts.erase(std::min_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return a.importance < b.importance;
    }));
  }
  const int room = std::min(30, width - 1 - Columns(joined()) - 4);
  if (c.total_is_known && room >= 8) {
    parts.insert(parts.begin() + 1, {Bar(Fraction(c), room, utf8), 0});
  }
  return Cut(joined(), width - 1);
}

Progress::Progress(Output& out, bool draw) : out_(out) {
  if (draw) drawer_ = std::thread([this] { Draw(); });
}

Progress::~Progress() {
  {
    MutexLock lock(mu_);
    over_ = true;
    changed_.NotifyAll();
  }
  if (drawer_.joinable()) drawer_.join();
  out_.SetBar("");
}

void Progress::AddBytes(int64_t n) {
  MutexLock lock(mu_);
  counts_.bytes_done += n;
}

void Progress::FileDone(bool failed, int64_t rest) {
  MutexLock lock(mu_);
  ++counts_.files_done;
  counts_.files_failed += failed ? 1 : 0;
  counts_.bytes_done += rest;
}

void Progress::SetTotal(int64_t files, int64_t bytes, bool known) {
  MutexLock lock(mu_);
  counts_.files_total = files;
  counts_.bytes_total = bytes;
  counts_.total_is_known = known;
}

ProgressCounts Progress::counts() const {
  MutexLock lock(mu_);
  return counts_;
}

void Progress::Draw() {
  RateMeter meter;
  while (true) {
    ProgressLine line;
    {
      MutexLock lock(mu_);
      if (!over_) changed_.WaitFor(mu_, kFrame);
      if (over_) return;
      line.counts = counts_;
    }
    meter.Sample(absl::Now(), line.counts.bytes_done);
    line.bytes_per_second = meter.PerSecond();
    out_.SetBar(RenderProgress(line, out_.options().width, out_.options().utf8));
  }
}

}  // namespace stockroom::cli
