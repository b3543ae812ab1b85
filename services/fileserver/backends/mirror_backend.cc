#include "services/fileserver/backends/mirror_backend.h"

#include <algorithm>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/mirror_source.h"

namespace stockroom::fileserver {
namespace {

// After a comparison that failed, and the longest pause between looks whether one is due.
constexpr absl::Duration kCompareAgain = absl::Seconds(30);

Counter& CopiedTo(Metrics& metrics, const char* to) {
  return metrics.GetCounter("stockroom_fileserver_mirror_copied_total",
                            "Originals copied to S3, and brought back from there.", {{"to", to}});
}

Counter& BytesTo(Metrics& metrics, const char* to) {
  return metrics.GetCounter("stockroom_fileserver_mirror_copied_bytes_total", "Their bytes.",
                            {{"to", to}});
}

}  // namespace

class MirrorBackend::Sink final : public BlobSink {
 public:
  Sink(MirrorBackend& mirror, std::unique_ptr<BlobSink> local)
      : mirror_(mirror), local_(std::move(local)) {}

  absl::Status Append(std::string_view bytes) override { return local_->Append(bytes); }

  absl::StatusOr<bool> Commit(const BlobInfo& info, const ChunkSums& sums) override {
    MirrorBacklog& backlog = *mirror_.backlog_;
    SR_ASSIGN_OR_RETURN(const uint64_t ticket, backlog.WillWrite(info.sha256));
    const absl::StatusOr<bool> existed = local_->Commit(info, sums);
    const absl::Status written = backlog.Written(info.sha256, ticket);
    SR_RETURN_IF_ERROR(existed.status());
    SR_RETURN_IF_ERROR(written);
    if (mirror_.options_.wait) {
      SR_RETURN_IF_ERROR(backlog.WaitUntilDone(info.sha256, ticket, mirror_.options_.wait_timeout));
    }
    return existed;
  }

 private:
  MirrorBackend& mirror_;
  const std::unique_ptr<BlobSink> local_;
};

absl::StatusOr<std::unique_ptr<MirrorBackend>> MirrorBackend::Open(
    Env& env, DirectorySyncs& syncs, BlobBackend& local, CareBackend& care, BlobBackend& remote,
    const Options& options, Metrics& metrics) {
  MirrorBacklog::Options notes = options.backlog;
  notes.is_here = [&care](const Digest& digest) { return care.StampBlob(digest).ok(); };
  SR_ASSIGN_OR_RETURN(std::unique_ptr<MirrorBacklog> backlog,
                      MirrorBacklog::Open(env, syncs, notes, metrics));
  std::unique_ptr<MirrorBackend> mirror(
      new MirrorBackend(local, care, remote, options, std::move(backlog), metrics));
  mirror->Start();
  return mirror;
}

MirrorBackend::MirrorBackend(BlobBackend& local, CareBackend& care, BlobBackend& remote,
                             const Options& options, std::unique_ptr<MirrorBacklog> backlog,
                             Metrics& metrics)
    : local_(local),
      care_(care),
      remote_(remote),
      options_(options),
      backlog_(std::move(backlog)),
      copied_to_s3_(CopiedTo(metrics, "s3")),
      copied_to_local_(CopiedTo(metrics, "local")),
      bytes_to_s3_(BytesTo(metrics, "s3")),
      bytes_to_local_(BytesTo(metrics, "local")),
      deleted_(metrics.GetCounter("stockroom_fileserver_mirror_deleted_total",
                                  "Originals deleted in S3 after they were collected here.")),
      failures_(metrics.GetCounter("stockroom_fileserver_mirror_failures_total",
                                   "Attempts to make both copies alike that failed.")),
      fallback_reads_(metrics.GetCounter("stockroom_fileserver_mirror_fallback_reads_total",
                                         "Originals read in S3 because the local copy was "
                                         "missing, damaged or unreadable.")) {}

MirrorBackend::~MirrorBackend() {
  backlog_->Stop();
  compare_loop_.Stop();
  for (std::thread& worker : workers_) worker.join();
}

void MirrorBackend::Start() {
  if (options_.threads == 0) return;
  for (int i = 0; i < options_.threads; ++i) workers_.emplace_back([this] { RunWorker(); });
  compare_loop_.Start("mirror-compare", [this] { RunCompare(); });
}

void MirrorBackend::RunCompare() {
  absl::Duration pause;
  do {
    const absl::Duration age = options_.backlog.clock->Now() - backlog_->compared_at();
    const bool due = options_.compare_period > absl::ZeroDuration() &&
                     (age > options_.compare_period || age < -options_.compare_period);
    if (!backlog_->compared() || due) {
      const absl::Status compared = Compare();
      if (!compared.ok() && !absl::IsCancelled(compared)) {
        LogWarning("the local disk can not be compared with S3", {{"error", compared}});
      }
    }
  } while (compare_loop_.Sleep(kCompareAgain));
}

absl::StatusOr<std::unique_ptr<BlobSink>> MirrorBackend::CreateBlob() {
  SR_RETURN_IF_ERROR(CheckAway());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<BlobSink> local, local_.CreateBlob());
  return std::make_unique<Sink>(*this, std::move(local));
}

absl::Status MirrorBackend::CheckAway() const {
  if (!options_.wait || !backlog_->away()) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kUnavailable,
                    "S3 does not answer, and mirror.wait asks for both copies",
                    {.reason = "MIRROR_WAITS",
                     .metadata = {},
                     .violations = {},
                     .retry_after = absl::Seconds(5)});
}

absl::StatusOr<std::unique_ptr<BlobSource>> MirrorBackend::OpenBlob(const Digest& digest) {
  const auto on_damage = [this, digest](const absl::Status& status) {
    LogWarning("an original is read in S3", {{"digest", digest.hex()}, {"error", status}});
    fallback_reads_.Add();
    const absl::StatusOr<bool> noted = backlog_->Look(digest, true);
    if (!noted.ok()) LogWarning("it can not be noted", {{"error", noted.status()}});
  };
  absl::StatusOr<std::unique_ptr<BlobSource>> local = local_.OpenBlob(digest);
  absl::Status status = local.status();
  if (status.ok()) {
    absl::StatusOr<ChunkSums> sums = (*local)->Sums();
    status = sums.status();
    if (status.ok()) {
      return MakeMirrorSource(
          *std::move(local), *std::move(sums), [this, digest] { return remote_.OpenBlob(digest); },
          on_damage);
    }
  }
  // It was collected, and S3 does not know that yet.
  if (absl::IsNotFound(status) && backlog_->IsGone(digest)) return status;
  absl::StatusOr<std::unique_ptr<BlobSource>> remote = remote_.OpenBlob(digest);
  if (remote.ok()) {
    on_damage(status);
    return remote;
  }
  // Nobody knows that it is missing as long as S3 does not say so.
  const bool unknown = absl::IsNotFound(status) && !absl::IsNotFound(remote.status());
  return unknown ? remote.status() : status;
}

absl::StatusOr<BlobPage> MirrorBackend::ListBlobs(const ListBlobsOptions& options) {
  return local_.ListBlobs(options);
}

absl::Status MirrorBackend::TouchBlob(const Digest& digest) {
  const absl::Status touched = local_.TouchBlob(digest);
  if (touched.ok()) {
    // As little durable there as here.
    return backlog_->Look(digest, false).status();
  }
  if (!absl::IsNotFound(touched) || backlog_->IsGone(digest)) return touched;
  // Bringing it back touches it, too.
  SR_ASSIGN_OR_RETURN(const uint64_t ticket, backlog_->WillWrite(digest));
  const absl::Status restored = Restore(digest);
  SR_RETURN_IF_ERROR(backlog_->Written(digest, ticket));
  return absl::IsNotFound(restored) ? touched : restored;
}

// The mark comes before the deletion here: else a crash between them would leave in S3 what nobody
// ever deletes, and what the next comparison brings back. It comes after the look at what is here:
// what is missing here for any other reason is to be brought back, not to be deleted.
absl::StatusOr<bool> MirrorBackend::DeleteBlobIfUntouched(const Digest& digest,
                                                          const std::string& stamp) {
  const absl::Status there = care_.StampBlob(digest).status();
  // Renditions may be left.
  if (absl::IsNotFound(there)) return local_.DeleteBlobIfUntouched(digest, stamp);
  SR_RETURN_IF_ERROR(there);
  SR_ASSIGN_OR_RETURN(const MirrorBacklog::Deletion deletion, backlog_->WillDelete(digest));
  absl::StatusOr<bool> deleted = local_.DeleteBlobIfUntouched(digest, stamp);
  using Outcome = MirrorBacklog::Outcome;
  backlog_->Deleted(digest, deletion,
                    !deleted.ok() ? Outcome::kUnknown
                    : *deleted    ? Outcome::kDeleted
                                  : Outcome::kKept);
  return deleted;
}

absl::StatusOr<std::unique_ptr<RenditionSink>> MirrorBackend::CreateRendition(
    const RenditionAddress& address) {
  return local_.CreateRendition(address);
}

absl::StatusOr<std::unique_ptr<RenditionSource>> MirrorBackend::OpenRendition(
    const RenditionAddress& address) {
  return local_.OpenRendition(address);
}

absl::Status MirrorBackend::RemoveRendition(const RenditionAddress& address) {
  return local_.RemoveRendition(address);
}

absl::StatusOr<int> MirrorBackend::RemoveRenditions(const Digest& original) {
  return local_.RemoveRenditions(original);
}

absl::Status MirrorBackend::CheckWritable() {
  backlog_->ShowMetrics();
  SR_RETURN_IF_ERROR(local_.CheckWritable());
  SR_RETURN_IF_ERROR(CheckAway());
  return options_.wait ? remote_.CheckWritable() : absl::OkStatus();
}

std::optional<int64_t> MirrorBackend::FreeBytes() { return local_.FreeBytes(); }

absl::StatusOr<StoredPage> MirrorBackend::ListStored(const std::string& cursor, int limit) {
  return care_.ListStored(cursor, limit);
}

absl::StatusOr<std::vector<std::string>> MirrorBackend::ListRenditions(const Digest& original) {
  return care_.ListRenditions(original);
}

absl::StatusOr<std::string> MirrorBackend::StampBlob(const Digest& digest) {
  return care_.StampBlob(digest);
}

void MirrorBackend::DropCached(const Digest& digest) { care_.DropCached(digest); }

absl::StatusOr<bool> MirrorBackend::QuarantineBlob(const Digest& digest, const std::string& stamp,
                                                   const std::string& why) {
  // Before it is moved: nothing else would say that it has to be brought back.
  SR_ASSIGN_OR_RETURN(const uint64_t ticket, backlog_->WillWrite(digest));
  absl::StatusOr<bool> moved = care_.QuarantineBlob(digest, stamp, why);
  absl::Status restored;
  if (moved.value_or(false)) restored = Restore(digest);
  SR_RETURN_IF_ERROR(backlog_->Written(digest, ticket));
  if (moved.value_or(false)) {
    if (restored.ok()) {
      LogInfo("a damaged original was brought back from S3", {{"digest", digest.hex()}});
    } else {
      LogError("a damaged original could not be brought back from S3 yet",
               {{"digest", digest.hex()}, {"error", restored}});
    }
  }
  return moved;
}

absl::StatusOr<QuarantinedPage> MirrorBackend::ListQuarantined(const std::string& cursor,
                                                               int limit) {
  return care_.ListQuarantined(cursor, limit);
}

absl::StatusOr<std::string> MirrorBackend::LoadCareState() { return care_.LoadCareState(); }

absl::Status MirrorBackend::SaveCareState(std::string_view state) {
  return care_.SaveCareState(state);
}

}  // namespace stockroom::fileserver
