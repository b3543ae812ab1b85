// A disk in memory with stores over it, which survives restarts.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "services/common/base/log.h"
#include "services/common/base/metrics.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/memory_env.h"
#include "services/fileserver/store/rendition_store.h"

namespace stockroom::fileserver {

using Op = MemoryEnv::Op;

struct Stores {
  Stores(BlobBackend& backend, const BlobStore::Options& blob_options,
         const RenditionStore::Options& rendition_options)
      : blobs(backend, blob_options, metrics), renditions(backend, rendition_options, metrics) {}
  Metrics metrics;
  BlobStore blobs;
  RenditionStore renditions;
};

// A machine with a disk: what is on it survives as much as its Env promises.
class Machine {
 public:
  static constexpr char kDirectory[] = "/data";

  Machine() {
    // Thousands of provoked failures are not worth a line each.
    static const bool quiet = (InitLogging("test", LogLevel::kOff), true);
    static_cast<void>(quiet);
  }

  // Starts (again) on what `env` holds.
  absl::Status Open() {
    stores.reset();
    disk.reset();
    SR_ASSIGN_OR_RETURN(disk,
                        LocalDisk::Open(outer ? *outer : env, {.directory = kDirectory,
                                                               .reserve_bytes = reserve_bytes,
                                                               .clock = &clock,
                                                               .steady = [this] { return steady; },
                                                               .metrics = &disk_metrics,
                                                               .eviction = eviction}));
    stores = std::make_unique<Stores>(*disk, blob_options, rendition_options);
    return absl::OkStatus();
  }
  // The process is gone, then the power, then both are back.
  absl::Status PowerCut(MemoryEnv::Survives survives) {
    stores.reset();
    disk.reset();
    env.Restart(survives);
    return Open();
  }

  absl::StatusOr<StoredBlob> Put(std::string_view bytes, PutBlobOptions options = {}) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobUpload> upload, stores->blobs.Put(options));
    // In two pieces, so that a crash can fall between them.
    const size_t half = bytes.size() / 2;
    SR_RETURN_IF_ERROR(upload->Append(bytes.substr(0, half)));
    SR_RETURN_IF_ERROR(upload->Append(bytes.substr(half)));
    return upload->Finish(static_cast<int64_t>(bytes.size()));
  }
  absl::StatusOr<RenditionInfo> PutRendition(const RenditionAddress& address,
                                             std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<RenditionUpload> upload,
                        stores->renditions.Put(address));
    SR_RETURN_IF_ERROR(upload->Append(bytes));
    return upload->Finish(static_cast<int64_t>(bytes.size()));
  }
  absl::StatusOr<std::string> Get(const Digest& digest, ByteRange range = {}) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobDownload> download,
                        stores->blobs.Get(digest, range));
    return ReadAll(*download);
  }
  absl::StatusOr<std::string> GetRendition(const RenditionAddress& address) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<RenditionDownload> download,
                        stores->renditions.Get(address, {}));
    return ReadAll(*download);
  }
  template <typename Info>
  static absl::StatusOr<std::string> ReadAll(Download<Info>& download) {
    std::string bytes;
    while (!download.done()) {
      SR_ASSIGN_OR_RETURN(const std::string piece, download.Next());
      bytes += piece;
    }
    return bytes;
  }

  static std::string ShardOf(const Digest& digest) {
    return std::string(kDirectory) + "/blobs/" + digest.hex().substr(0, 2);
  }
  static std::string PathOf(const Digest& digest) { return ShardOf(digest) + "/" + digest.hex(); }
  static std::string PathOf(const RenditionAddress& address) {
    return std::string(kDirectory) + "/renditions/" + address.original.hex().substr(0, 2) + "/" +
           address.original.hex() + "/" + address.key;
  }
  static RenditionAddress Address(char digit = 'a') {
    return {.original = Digest::Of("original"), .key = std::string(32, digit)};
  }

  // Calls of one kind since `from`.
  int Count(Op op, int64_t from, const std::string& path = "") const {
    int count = 0;
    for (const MemoryEnv::Call& call : env.history()) {
      if (call.index >= from && call.op == op && (path.empty() || call.path == path)) ++count;
    }
    return count;
  }
  void FailNextOf(Op op, absl::Status error) {
    env.SetFaults([op, error, done = false](
                      const MemoryEnv::Call& call) mutable -> std::optional<MemoryEnv::Fault> {
      if (done || call.op != op) return std::nullopt;
      done = true;
      return MemoryEnv::Fault{.error = error, .short_write = std::nullopt};
    });
  }

  // Time goes by for everybody; only the wall clock's jumps are not real.
  void Advance(absl::Duration duration) {
    clock.Advance(duration);
    steady += duration;
  }
  // All that nobody touched for a day.
  std::vector<ListedBlob> Untouched() {
    std::vector<ListedBlob> all;
    ListBlobsOptions options{.untouched_for = absl::Hours(24)};
    do {
      const absl::StatusOr<BlobPage> page = stores->blobs.List(options);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      all.insert(all.end(), page->blobs.begin(), page->blobs.end());
      options.cursor = page->next_cursor;
    } while (!options.cursor.empty());
    return all;
  }

  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  absl::Duration steady = absl::Hours(1);
  Env* outer = nullptr;  // stands before `env`, if set before Open

  // Set before Open.
  int64_t reserve_bytes = 0;
  std::optional<RenditionEvictor::Options> eviction;
  BlobStore::Options blob_options;
  RenditionStore::Options rendition_options;

  MemoryEnv env;
  Metrics disk_metrics;
  std::unique_ptr<LocalDisk> disk;
  std::unique_ptr<Stores> stores;
};

}  // namespace stockroom::fileserver
