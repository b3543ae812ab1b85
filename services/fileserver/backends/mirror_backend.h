// BlobBackend on a local disk with a second copy of every original in S3. docs/adr/029.
//
// The local disk is the store: it acknowledges (once synced), serves, keeps the touch times, is
// listed and collected, and holds renditions and direct uploads. S3 follows, out of a backlog that
// survives everything (mirror_backlog.h), and belongs to this one file server: nobody else writes
// to the bucket's prefix.
//
// What must hold:
//   1. An acknowledged original that S3 lacks has an entry, or `compared` is not there: the entry
//      is durable before the local copy gets its name.
//   2. Nothing is deleted in S3 but what was deleted here, durably and by its stamp, and was not
//      written since: a mark that says so is durable before the deletion here, an entry of a write
//      outweighs it, and one digest is dealt with by one thread at a time. What only S3 has is
//      otherwise brought back, whatever the reason.
//   3. What the local disk can not give, whole, is read in S3, and the local copy written anew.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "services/common/base/background_loop.h"
#include "services/common/base/metrics.h"
#include "services/fileserver/backends/mirror_backlog.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/care_backend.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Thread-safe. Owns its threads. Metrics: those of MirrorBacklog;
// stockroom_fileserver_mirror_copied_total and _mirror_copied_bytes_total (label to: s3, local),
// _mirror_deleted_total, _mirror_failures_total, _mirror_fallback_reads_total.
class MirrorBackend final : public BlobBackend, public CareBackend {
 public:
  struct Options {
    MirrorBacklog::Options backlog;
    // Acknowledge an original only once both have it.
    bool wait = false;
    absl::Duration wait_timeout = absl::Seconds(30);
    // That copy and delete; 0: none, and a test calls Work and Compare.
    int threads = 8;
    // Both are compared as a whole at least so often; 0: only when it has to be.
    absl::Duration compare_period = absl::Hours(24 * 7);
  };
  // All must outlive it; `local` and `care` are one, and `syncs` are its. Errors of
  // MirrorBacklog::Open.
  static absl::StatusOr<std::unique_ptr<MirrorBackend>> Open(Env& env, DirectorySyncs& syncs,
                                                             BlobBackend& local, CareBackend& care,
                                                             BlobBackend& remote,
                                                             const Options& options,
                                                             Metrics& metrics);
  // Ends what is under way at its next piece.
  ~MirrorBackend() override;

  // UNAVAILABLE (MIRROR_WAITS) at once while it would have to wait for an S3 that is away.
  absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() override;
  // NOT_FOUND only if neither has it; UNAVAILABLE if S3 has to be asked and does not answer.
  absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) override;
  // Of the local copies.
  absl::StatusOr<BlobPage> ListBlobs(const ListBlobsOptions& options) override;
  absl::Status TouchBlob(const Digest& digest) override;
  absl::StatusOr<bool> DeleteBlobIfUntouched(const Digest& digest,
                                             const std::string& stamp) override;
  absl::StatusOr<std::unique_ptr<RenditionSink>> CreateRendition(
      const RenditionAddress& address) override;
  absl::StatusOr<std::unique_ptr<RenditionSource>> OpenRendition(
      const RenditionAddress& address) override;
  absl::Status RemoveRendition(const RenditionAddress& address) override;
  absl::StatusOr<int> RemoveRenditions(const Digest& original) override;
  // Of the local disk; of S3, too, if writes wait for it.
  absl::Status CheckWritable() override;
  std::optional<int64_t> FreeBytes() override;

  absl::StatusOr<StoredPage> ListStored(const std::string& cursor, int limit) override;
  absl::StatusOr<std::vector<std::string>> ListRenditions(const Digest& original) override;
  absl::StatusOr<std::string> StampBlob(const Digest& digest) override;
  void DropCached(const Digest& digest) override;
  // And brings it back from S3, now or as soon as S3 answers.
  absl::StatusOr<bool> QuarantineBlob(const Digest& digest, const std::string& stamp,
                                      const std::string& why) override;
  absl::StatusOr<QuarantinedPage> ListQuarantined(const std::string& cursor, int limit) override;
  absl::StatusOr<std::string> LoadCareState() override;
  absl::Status SaveCareState(std::string_view state) override;

  // ---- for the threads and for tests ----

  // Deals with one entry that is due. False: there is none.
  bool Work();
  // Lists both and leaves an entry for whatever differs. Errors of the lists; CANCELLED.
  absl::Status Compare();
  MirrorBacklog& backlog() { return *backlog_; }

 private:
  class Sink;

  MirrorBackend(BlobBackend& local, CareBackend& care, BlobBackend& remote, const Options& options,
                std::unique_ptr<MirrorBacklog> backlog, Metrics& metrics);
  void Start();
  // An error while nothing can be acknowledged.
  absl::Status CheckAway() const;
  void RunWorker();
  void RunCompare();

  // ---- mirror_work.cc ----
  void Deal(const MirrorBacklog::Task& task);
  absl::Status Reconcile(const MirrorBacklog::Task& task);
  // OK if the local copy is there, all of it read if `whole`.
  absl::Status CheckLocal(const Digest& digest, bool whole);
  // NOT_FOUND: S3 has none.
  absl::Status Restore(const Digest& digest);
  absl::Status CopyToRemote(const Digest& digest);
  absl::Status RemoveRemote(const Digest& digest);
  // Digests of a folder, with their sizes.
  using Sizes = std::map<Digest, int64_t>;
  absl::StatusOr<Sizes> ListLocal(const std::string& folder);
  absl::StatusOr<Sizes> ListRemote(const std::string& folder);
  absl::Status LookAt(const Digest& digest, bool whole);

  BlobBackend& local_;
  CareBackend& care_;
  BlobBackend& remote_;
  const Options options_;
  const std::unique_ptr<MirrorBacklog> backlog_;
  Counter& copied_to_s3_;
  Counter& copied_to_local_;
  Counter& bytes_to_s3_;
  Counter& bytes_to_local_;
  Counter& deleted_;
  Counter& failures_;
  Counter& fallback_reads_;
  BackgroundLoop compare_loop_;
  std::vector<std::thread> workers_;
};

}  // namespace stockroom::fileserver
