// The part of S3Backend that sends large blobs piece by piece.
#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_backend.h"
#include "services/fileserver/backends/s3_layout.h"

namespace stockroom::fileserver {
namespace {

constexpr absl::Duration kForgotten = absl::Hours(24 * 2);

// A part of a spool whose bytes are those that came, which `sums` are of: what reads whole pieces
// of it, as the client does to tell the server the part's digest, gets them verified.
class VerifiedPart final : public s3::RequestBody {
 public:
  VerifiedPart(const S3Spool& spool, const ChunkSums& sums, int64_t offset, int64_t size)
      : part_(spool, offset, size), sums_(sums), offset_(offset) {}
  int64_t size() const override { return part_.size(); }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) const override {
    SR_RETURN_IF_ERROR(part_.ReadAt(offset, to, size));
    const int64_t end = offset + static_cast<int64_t>(size);
    const bool whole = offset % kSumBytes == 0 && (end % kSumBytes == 0 || end == part_.size());
    if (!whole || sums_.empty() || sums_.Verify(offset_ + offset, {to, size}).ok()) {
      return absl::OkStatus();
    }
    return Unavailable("SPOOL_DAMAGED", "the spooled bytes are not those that came");
  }

 private:
  const S3SpoolPart part_;
  const ChunkSums& sums_;
  const int64_t offset_;
};

// Runs one task for each number below `count`, on several threads.
class Spread {
 public:
  Spread(int count, std::function<absl::Status(int)> task)
      : count_(count), task_(std::move(task)) {}

  // Until there is nothing left to begin.
  void Work() {
    for (;;) {
      int number = 0;
      {
        MutexLock lock(mu_);
        if (closed_ || !status_.ok() || next_ == count_) return;
        number = next_++;
        ++running_;
      }
      absl::Status done = task_(number);
      MutexLock lock(mu_);
      if (status_.ok()) status_ = std::move(done);
      --running_;
      ended_.NotifyAll();
    }
  }
  // After it nothing runs, nor begins, whatever is still queued somewhere.
  absl::Status Close() {
    MutexLock lock(mu_);
    closed_ = true;
    while (running_ > 0) ended_.Wait(mu_);
    return status_;
  }

 private:
  const int count_;
  const std::function<absl::Status(int)> task_;
  Mutex mu_;
  CondVar ended_;
  int next_ SR_GUARDED_BY(mu_) = 0;
  int running_ SR_GUARDED_BY(mu_) = 0;
  bool closed_ SR_GUARDED_BY(mu_) = false;
  absl::Status status_ SR_GUARDED_BY(mu_);
};

}  // namespace

absl::StatusOr<std::vector<s3::UploadedPart>> S3Backend::SendParts(const S3Spool& spool,
                                                                   const ChunkSums& sums,
                                                                   const std::string& key,
                                                                   const std::string& upload) {
  // S3 takes no more than 10,000 of them. Of whole pieces, so that each can be verified by itself.
  const int64_t least = std::max(options_.part_bytes, (spool.size() + 9'999) / 10'000);
  const int64_t size = (least + kSumBytes - 1) / kSumBytes * kSumBytes;
  const int count = static_cast<int>((spool.size() + size - 1) / size);
  std::vector<s3::UploadedPart> parts(static_cast<size_t>(count));
  const auto spread = std::make_shared<Spread>(count, [&](int index) -> absl::Status {
    const int64_t offset = index * size;
    const VerifiedPart part(spool, sums, offset, std::min(size, spool.size() - offset));
    SR_ASSIGN_OR_RETURN(parts[static_cast<size_t>(index)],
                        client_.UploadPart(key, upload, index + 1, part));
    return absl::OkStatus();
  });
  for (int helper = 1; helper < std::min(options_.parallel_parts, count); ++helper) {
    // Busy with other blobs: this one is then sent by fewer threads.
    if (!parts_->Submit([spread] { spread->Work(); }).ok()) break;
  }
  spread->Work();
  SR_RETURN_IF_ERROR(spread->Close());
  return parts;
}

absl::StatusOr<s3::PutResult> S3Backend::PutInParts(const S3Spool& spool, const ChunkSums& sums,
                                                    const std::string& key,
                                                    s3::PutOptions options) {
  SR_ASSIGN_OR_RETURN(const std::string upload, client_.CreateUpload(key, options));
  const auto send = [&]() -> absl::StatusOr<s3::PutResult> {
    SR_ASSIGN_OR_RETURN(const std::vector<s3::UploadedPart> parts,
                        SendParts(spool, sums, key, upload));
    options.if_none_match = options.if_none_match && !no_conditions_;
    absl::StatusOr<s3::PutResult> done = client_.CompleteUpload(key, upload, parts, options);
    if (!options.if_none_match || !absl::IsUnimplemented(done.status())) return done;
    no_conditions_ = true;
    options.if_none_match = false;
    return client_.CompleteUpload(key, upload, parts, options);
  };
  absl::StatusOr<s3::PutResult> done = send();
  if (done.ok()) return done;
  // An attempt whose answer was lost may have been the one that did it: then it is there, as after
  // somebody else's, and whoever asked looks.
  if (DetailsOf(done.status()).reason == "S3_NO_SUCH_UPLOAD") {
    return absl::AbortedError("the parts have been put together, or thrown away, already");
  }
  const absl::Status aborted = client_.AbortUpload(key, upload);
  if (!aborted.ok()) {
    LogWarning("parts of an upload that failed stay with S3 until it is collected",
               {{"key", key}, {"error", aborted}});
  }
  return done;
}

void S3Backend::AbortForgottenUploads() {
  const absl::StatusOr<std::vector<s3::RunningUpload>> uploads =
      client_.ListUploads(s3_layout::kBlobs);
  // Not every server can list them; a lifecycle rule does it too (docs/operations.md).
  if (!uploads.ok()) return;
  for (const s3::RunningUpload& upload : *uploads) {
    if (client_.clock().Now() - upload.initiated < kForgotten) continue;
    const absl::Status aborted = client_.AbortUpload(upload.key, upload.id);
    LogInfo("threw away the parts of an upload that was never completed",
            {{"key", upload.key}, {"error", aborted}});
  }
}

}  // namespace stockroom::fileserver
