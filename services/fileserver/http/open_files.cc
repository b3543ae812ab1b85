#include "services/fileserver/http/open_files.h"

#include <iterator>
#include <utility>

#include "services/fileserver/store/touch_clock.h"

namespace stockroom::fileserver {
namespace {

OpenFiles::Options WithClock(OpenFiles::Options options) {
  if (!options.steady) options.steady = SteadyNow;
  return options;
}

int64_t BytesOf(const OpenFile& file) {
  return file.bytes != nullptr ? static_cast<int64_t>(file.bytes->size()) : 0;
}

}  // namespace

OpenFiles::OpenFiles(const Options& options, Metrics& metrics)
    : options_(WithClock(options)),
      open_(metrics.GetGauge("stockroom_fileserver_open_files",
                             "Stored files that are kept open for sending.")),
      bytes_gauge_(metrics.GetGauge("stockroom_fileserver_open_file_bytes",
                                    "Bytes of short stored files that are kept in memory.")),
      opened_(metrics.GetCounter("stockroom_fileserver_files_opened_total",
                                 "Stored files that were opened for sending.")) {
  sweep_.Start("open-files", [this] {
    while (sweep_.Sleep(options_.max_age)) DropOld();
  });
}

std::shared_ptr<const OpenFile> OpenFiles::Find(std::string_view path) {
  const absl::Duration now = options_.steady();
  MutexLock lock(mu_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end() || found->second->opened + options_.max_age <= now) return nullptr;
  return found->second->file;
}

void OpenFiles::Keep(const std::string& path, std::shared_ptr<const OpenFile> file) {
  opened_.Add();
  if (BytesOf(*file) > options_.max_bytes) {
    OpenFile without = *file;
    without.bytes = nullptr;
    file = std::make_shared<const OpenFile>(std::move(without));
  }
  const int64_t bytes = BytesOf(*file);
  Entries taken;
  Entries added;
  if (options_.max_files > 0) added.push_back({path, std::move(file), options_.steady()});
  MutexLock lock(mu_);
  const auto found = by_path_.find(path);
  if (found != by_path_.end()) Take(found->second, taken);
  if (added.empty()) return;
  while (!entries_.empty() && (static_cast<int64_t>(entries_.size()) >= options_.max_files ||
                               bytes_ + bytes > options_.max_bytes)) {
    Take(entries_.begin(), taken);
  }
  entries_.splice(entries_.end(), added);
  const auto last = std::prev(entries_.end());
  by_path_.emplace(last->path, last);
  bytes_ += bytes;
  Count();
}

void OpenFiles::Drop(std::string_view path) {
  Entries taken;
  MutexLock lock(mu_);
  const auto found = by_path_.find(path);
  if (found != by_path_.end()) Take(found->second, taken);
}

void OpenFiles::DropOld() {
  const absl::Duration now = options_.steady();
  Entries taken;
  MutexLock lock(mu_);
  while (!entries_.empty() && entries_.front().opened + options_.max_age <= now) {
    Take(entries_.begin(), taken);
  }
}

void OpenFiles::Take(Entries::iterator entry, Entries& taken) {
  by_path_.erase(entry->path);
  bytes_ -= BytesOf(*entry->file);
  taken.splice(taken.end(), entries_, entry);
  Count();
}

void OpenFiles::Count() {
  open_.Set(static_cast<int64_t>(entries_.size()));
  bytes_gauge_.Set(bytes_);
}

}  // namespace stockroom::fileserver
