// Stored things that were opened for sending, kept open for the next request.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/fileserver/store/chunk_sums.h"

namespace stockroom::fileserver {

// Immutable, thread-safe.
struct OpenFile {
  std::shared_ptr<const void> source;  // keeps the descriptor open
  int descriptor = -1;                 // see ByteSource::Descriptor
  int64_t size = 0;
  std::string etag;  // the digest of its bytes, in quotes
  ChunkSums sums;    // empty: none were recorded
  // All of it, verified, if it is short.
  std::shared_ptr<const std::string> bytes;
};

// By path of their URL. What is stored never changes, but it is deleted: a file that is open stays
// readable, and its space taken, until it is dropped here. So nothing is kept for longer than
// `max_age` after it was opened, asked for or not.
//
// Short ones are kept with their bytes, as far as there is room: sending from memory costs half of
// reading and verifying them again.
//
// Thread-safe; blocks for moments only. Metrics: stockroom_fileserver_open_files, _open_file_bytes,
// _files_opened_total.
class OpenFiles {
 public:
  struct Options {
    // Each is a descriptor. 0: nothing is kept.
    int64_t max_files = 1024;
    // Of those kept with their bytes, in all.
    int64_t max_bytes = 16 << 20;
    absl::Duration max_age = absl::Seconds(10);
    // Which time it is; for tests.
    std::function<absl::Duration()> steady;
  };
  OpenFiles(const Options& options, Metrics& metrics);

  // Null if it is not there, or too old.
  std::shared_ptr<const OpenFile> Find(std::string_view path);
  // Replaces what had the same path; drops the oldest if there are too many, or too many bytes. Of
  // what has more bytes than all may have only the file is kept.
  void Keep(const std::string& path, std::shared_ptr<const OpenFile> file);
  void Drop(std::string_view path);
  // What is too old. Runs by itself every now and then.
  void DropOld();

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const OpenFile> file;
    absl::Duration opened;
  };
  using Entries = std::list<Entry>;
  // What is taken out is destroyed, which closes files, by the caller: outside the lock.
  void Take(Entries::iterator entry, Entries& taken) SR_REQUIRES(mu_);
  void Count() SR_REQUIRES(mu_);

  const Options options_;
  Gauge& open_;
  Gauge& bytes_gauge_;
  Counter& opened_;
  Mutex mu_;
  Entries entries_ SR_GUARDED_BY(mu_);  // the oldest first
  int64_t bytes_ SR_GUARDED_BY(mu_) = 0;
  // Keys are those of the entries.
  absl::flat_hash_map<std::string_view, Entries::iterator> by_path_ SR_GUARDED_BY(mu_);
  BackgroundLoop sweep_;
};

}  // namespace stockroom::fileserver
