// A machine with a disk in memory and an S3 in memory, for tests of MirrorBackend.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_layout.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/memory_env.h"
#include "tests/contract/blobs/mirror_fixture.h"
#include "tests/support/memory_s3.h"

namespace stockroom::fileserver {

class MirrorWorld {
 public:
  static constexpr char kDirectory[] = "/data";

  MirrorWorld() {
    static const bool quiet = (InitLogging("test", LogLevel::kOff), true);
    static_cast<void>(quiet);
  }
  // Starts (again) on what the disk holds.
  absl::Status Open() {
    stores.reset();
    SR_RETURN_IF_ERROR(store.Open());
    stores = std::make_unique<BlobStore>(mirror(), BlobStore::Options{}, metrics);
    return absl::OkStatus();
  }
  void Close() {
    stores.reset();
    store.Close();
  }
  // The process is gone, then the power, then both are back.
  absl::Status PowerCut(MemoryEnv::Survives survives) {
    Close();
    env.Restart(survives);
    return Open();
  }
  MirrorBackend& mirror() { return store.mirror(); }
  MirrorBacklog& backlog() { return mirror().backlog(); }

  absl::StatusOr<StoredBlob> Put(std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobUpload> upload, stores->Put({}));
    SR_RETURN_IF_ERROR(upload->Append(bytes));
    return upload->Finish(static_cast<int64_t>(bytes.size()));
  }
  absl::StatusOr<std::string> Get(std::string_view bytes) { return Get(*stores, bytes); }
  static absl::StatusOr<std::string> Get(BlobStore& from, std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobDownload> download,
                        from.Get(Digest::Of(bytes), {}));
    std::string all;
    while (!download->done()) {
      SR_ASSIGN_OR_RETURN(const std::string piece, download->Next());
      all += piece;
    }
    return all;
  }
  // From one copy alone.
  absl::StatusOr<std::string> GetLocal(std::string_view bytes) {
    BlobStore alone(store.disk(), {}, metrics);
    return Get(alone, bytes);
  }
  absl::StatusOr<std::string> GetRemote(std::string_view bytes) {
    BlobStore alone(store.s3(), {}, metrics);
    return Get(alone, bytes);
  }
  // Until nothing is left to do now.
  void Settle() {
    while (mirror().Work()) {
    }
  }
  // Until nothing is left to do, however long that takes.
  void SettleAll() {
    for (int i = 0; i < 100 && backlog().depth() > 0; ++i) {
      Settle();
      Advance(absl::Minutes(1));
    }
    EXPECT_EQ(backlog().depth(), 0);
  }
  void Advance(absl::Duration duration) { clock.Advance(duration); }
  // What the collector would be given for it; empty if it is not listed.
  std::string StampOf(std::string_view bytes) {
    ListBlobsOptions options{.untouched_for = absl::Hours(24)};
    do {
      const absl::StatusOr<BlobPage> page = mirror().ListBlobs(options);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return "";
      for (const ListedBlob& blob : page->blobs) {
        if (blob.sha256 == Digest::Of(bytes)) return blob.stamp;
      }
      options.cursor = page->next_cursor;
    } while (!options.cursor.empty());
    return "";
  }
  absl::StatusOr<bool> Collect(std::string_view bytes) {
    return mirror().DeleteBlobIfUntouched(Digest::Of(bytes), StampOf(bytes));
  }

  void S3Away(bool away) {
    if (!away) return s3.SetFault(nullptr);
    s3.SetFault([](const s3::HttpRequest&,
                   const std::string&) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
      return absl::UnavailableError("nobody listens");
    });
  }
  static std::string PathOf(std::string_view bytes) {
    const std::string hex = Digest::Of(bytes).hex();
    return std::string(kDirectory) + "/blobs/" + hex.substr(0, 2) + "/" + hex;
  }
  static std::string KeyOf(std::string_view bytes) {
    return "some/prefix/" + s3_layout::BlobKey(Digest::Of(bytes));
  }
  // Flips a bit of the local copy's payload.
  void DamageLocal(std::string_view bytes) {
    std::string content = env.Content(PathOf(bytes)).value();
    content[bytes.size() / 2] ^= 1;
    env.Overwrite(PathOf(bytes), content);
  }
  int64_t Counted(const std::string& name, const Metrics::Labels& labels = {}) {
    return static_cast<int64_t>(store.metrics().GetCounter(name, "", labels).value());
  }

  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  MemoryEnv env;
  testing::MemoryS3 s3{{.clock = &clock}};
  MirroredStore store{env,
                      s3,
                      {.directory = kDirectory,
                       .clock = &clock,
                       .mirror = {.threads = 0},
                       .s3 = {.part_threads = 1},
                       .s3_sleep = [this](absl::Duration pause) { clock.Advance(pause); }}};
  Metrics metrics;
  std::unique_ptr<BlobStore> stores;
};

}  // namespace stockroom::fileserver
