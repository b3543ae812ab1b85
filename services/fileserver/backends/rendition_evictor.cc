#include "services/fileserver/backends/rendition_evictor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

// A sweep takes turns with those who read: after so many inodes it pauses.
constexpr int kFilesInARow = 1000;
constexpr absl::Duration kBreather = absl::Milliseconds(5);
// A sweep that evicts goes down to this share of the bound, so that it is not called for again by
// the next few renditions.
constexpr double kLowWater = 0.9;
constexpr double kOlder = 1.1;
constexpr absl::Duration kYoungest = absl::Minutes(1);

}  // namespace

RenditionEvictor::RenditionEvictor(Env& env, const Options& options, Metrics& metrics)
    : env_(env),
      options_(options),
      bytes_(metrics.GetGauge("stockroom_fileserver_renditions_bytes",
                              "Bytes of stored renditions, by the last sweep.")),
      files_(metrics.GetGauge("stockroom_fileserver_renditions_files",
                              "Stored renditions, by the last sweep.")),
      max_bytes_(metrics.GetGauge("stockroom_fileserver_renditions_max_bytes",
                                  "What renditions may take, by the last sweep.")),
      evicted_(metrics.GetCounter("stockroom_fileserver_renditions_evicted_total",
                                  "Renditions deleted because others were used later.")),
      evicted_bytes_(metrics.GetCounter("stockroom_fileserver_renditions_evicted_bytes_total",
                                        "Bytes of renditions deleted for that.")),
      sweep_seconds_(metrics.GetHistogram("stockroom_fileserver_renditions_sweep_seconds",
                                          "Walks over all renditions.",
                                          Histogram::LatencyBounds())) {}

void RenditionEvictor::Start() {
  loop_.Start("evict", [this] {
    do {
      const absl::Status swept = Sweep();
      if (!swept.ok() && !absl::IsCancelled(swept)) {
        LogWarning("the renditions could not be swept", {{"error", swept}});
      }
    } while (loop_.Sleep(options_.interval, options_.least_pause));
  });
}

void RenditionEvictor::Added(int64_t bytes) {
  const int64_t estimate = estimate_.fetch_add(bytes) + bytes;
  const int64_t most = most_.load();
  if (most > 0 && estimate > most) loop_.Poke();
}

void RenditionEvictor::Used(const std::string& path) {
  const absl::StatusOr<FileInfo> file = env_.Stat(path);
  const absl::Time now = options_.clock->Now();
  if (file.ok() && absl::AbsDuration(now - file->modified) > kTouchStep) {
    env_.Touch(path, now).IgnoreError();
  }
}

absl::Status RenditionEvictor::Sweep() {
  const absl::Time start = absl::Now();
  const absl::Time now = options_.clock->Now();
  const int64_t before = estimate_.load();
  Ages ages{};
  int64_t bytes = 0;
  int64_t files = 0;
  SR_RETURN_IF_ERROR(Walk([&](const std::string&, const FileInfo& file) {
    ages[BucketOf(now - file.modified)] += file.size;
    bytes += file.size;
    ++files;
  }));
  SR_ASSIGN_OR_RETURN(const int64_t most, MostBytes(bytes));
  // What came during the walk counts twice at most, until the next one.
  estimate_.fetch_add(bytes - before);
  most_.store(std::max<int64_t>(1, most));
  bytes_.Set(bytes);
  files_.Set(files);
  max_bytes_.Set(most);
  absl::Status evicted;
  if (bytes > most) evicted = Evict(ages, bytes, most, now);
  sweep_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  return evicted;
}

absl::StatusOr<int64_t> RenditionEvictor::MostBytes(int64_t bytes) {
  if (options_.max_bytes > 0) return options_.max_bytes;
  SR_ASSIGN_OR_RETURN(const int64_t free, env_.FreeBytes(options_.directory));
  return std::max<int64_t>(0, free - options_.reserve_bytes + bytes) / 2;
}

absl::Status RenditionEvictor::Evict(const Ages& ages, int64_t bytes, int64_t most,
                                     absl::Time now) {
  const auto target = static_cast<int64_t>(kLowWater * static_cast<double>(most));
  size_t oldest_kept = kBuckets;
  for (int64_t left = bytes; oldest_kept > 0 && left > target;) left -= ages[--oldest_kept];
  int64_t left = bytes;
  int64_t evicted = 0;
  absl::Status failed;
  const absl::Status walked = Walk([&](const std::string& path, const FileInfo& file) {
    if (left <= target || BucketOf(now - file.modified) < oldest_kept) return;
    const absl::Status removed = env_.Unlink(path);
    if (!removed.ok()) {
      if (!absl::IsNotFound(removed)) failed = removed;
      return;
    }
    left -= file.size;
    ++evicted;
    evicted_.Add();
    evicted_bytes_.Add(static_cast<uint64_t>(file.size));
  });
  estimate_.fetch_sub(bytes - left);
  bytes_.Add(left - bytes);
  files_.Add(-evicted);
  LogInfo("renditions evicted", {{"files", evicted}, {"bytes", bytes - left}, {"limit", most}});
  return walked.ok() ? failed : walked;
}

size_t RenditionEvictor::BucketOf(absl::Duration age) {
  if (age <= kYoungest) return 0;
  const double bucket = 1 + std::log(absl::FDivDuration(age, kYoungest)) / std::log(kOlder);
  return static_cast<size_t>(std::min(bucket, static_cast<double>(kBuckets - 1)));
}

absl::Status RenditionEvictor::Walk(
    const std::function<void(const std::string&, const FileInfo&)>& see) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> shards, env_.List(options_.directory));
  int seen = 0;
  for (const std::string& shard : shards) {
    SR_RETURN_IF_ERROR(WalkShard(options_.directory + "/" + shard, seen, see));
  }
  return absl::OkStatus();
}

absl::Status RenditionEvictor::WalkShard(
    const std::string& shard, int& seen,
    const std::function<void(const std::string&, const FileInfo&)>& see) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> originals, env_.List(shard));
  for (const std::string& original : originals) {
    const std::string folder = shard + "/" + original;
    const absl::StatusOr<std::vector<std::string>> names = env_.List(folder);
    // Somebody deleted it, or something lies there that is not ours.
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      if (loop_.stopping()) return absl::CancelledError("the file server stops");
      const std::string path = folder + "/" + name;
      const absl::StatusOr<FileInfo> file = env_.Stat(path);
      if (file.ok() && file->regular) see(path, *file);
      if (++seen % kFilesInARow == 0) absl::SleepFor(kBreather);
    }
    // Who stores a rendition just now makes it again.
    if (names->empty()) env_.RemoveDirectory(folder).IgnoreError();
  }
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
