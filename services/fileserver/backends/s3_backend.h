// BlobBackend on an S3 bucket (AWS, or what speaks its protocol). Holds no state of its own:
// replicas may run in front of one bucket, and each may die at any moment.
//
//   blobs/<aa>/<sha256>               the payload, bare; what is known of it as metadata
//   about/<aa>/<sha256>/sums          chunk sums that do not fit there (s3_record.h)
//   about/<aa>/<sha256>/touched       its LastModified is a touch; a random text, so that its ETag
//                                     differs each time
//   about/<aa>/<sha256>/claim-<id>    somebody wants to delete the blob
//   about/<aa>/<sha256>/fence         somebody is deleting it
//   renditions/<aa>/<sha256>/<key>
//
// Storing. Bytes are spooled and hashed; then: sums (if they need an object of their own), the
// blob in one request or in parts, with If-None-Match: *, with its MD5 and SHA-256 for the server
// to verify; then the fence is looked for, and then the blob once more: only what is there when no
// deletion runs is acknowledged. A crash leaves at most sums without a blob, or parts, which are
// collected.
//
// Collecting follows docs/adr/012 without locks and without setting times: docs/adr/025.
//
// What is needed of the server: reads and lists that see every write that was answered before
// (AWS since 2020, MinIO, Ceph RGW, Garage), a Date in its answers, and that it refuses a request
// signed in its URL once that has expired.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/s3/client.h"
#include "services/fileserver/backends/s3_record.h"
#include "services/fileserver/backends/s3_source.h"
#include "services/fileserver/backends/s3_spool.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Names the last touch of a blob: any change of its object, or of the mark, makes another one.
std::string S3Stamp(absl::Time modified, const std::string& etag, const std::string& touched);
// Where there is no blob, only what belonged to one.
inline constexpr char kS3NoBlobStamp[] = "none";

// Thread-safe.
class S3Backend final : public BlobBackend {
 public:
  struct Options {
    // For bytes on their way; made if missing.
    std::string spool_dir;
    // An upload's first bytes are kept in memory: most renditions never see a disk. Times the
    // uploads that may run, that is 64 MiB.
    int64_t spool_memory_bytes = 256 << 10;
    // Of spool_dir's disk: uploads that would be spooled there are refused, and health turns red,
    // when less is free.
    int64_t spool_reserve_bytes = int64_t{1} << 30;
    // Larger blobs are sent in parts of this size: what has to be sent again after an error. S3
    // takes parts of 5 MiB or more and at most 10,000 of them.
    int64_t part_bytes = 16 << 20;
    // Of one blob; of all.
    int parallel_parts = 4;
    int part_threads = 16;
    // See s3_record.h; tests have fewer.
    size_t inline_sums = kMostInlineSums;
    S3ReadOptions read;
    int64_t read_memory_bytes = 64 << 20;
    // How long a deletion may take. The server refuses what comes later.
    absl::Duration fence = absl::Seconds(60);
    // What the clocks of the S3 server's nodes may differ by, and what a request that was accepted
    // in time may take to happen.
    absl::Duration fence_margin = absl::Seconds(30);
    // How long an upload waits for a deletion of the same blob to be over.
    absl::Duration patience = absl::Seconds(10);
    // How long a commit waits for another one of the same blob in this process.
    absl::Duration turn_patience = absl::Minutes(2);
    // How often an idle server writes an object to see whether it could.
    absl::Duration probe_every = absl::Seconds(60);
    std::function<void(absl::Duration)> sleep;  // null: really
  };
  // FAILED_PRECONDITION for what the operator has to set right: no such bucket, wrong keys, no
  // spool_dir. A server that is away now is none of it. All must outlive it.
  static absl::StatusOr<std::unique_ptr<S3Backend>> Open(Env& env, s3::Client& client,
                                                         const Options& options, Metrics& metrics);

  absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() override;
  absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) override;
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
  // Uploads that went well within probe_every are proof enough; otherwise, and after one that went
  // wrong, a small object is written.
  absl::Status CheckWritable() override;

 private:
  class Sink;
  class RenditionSinkImpl;
  class Turn;
  struct Shard;
  struct Deletion;

  S3Backend(Env& env, s3::Client& client, const Options& options, Metrics& metrics);

  // ---- storing: s3_backend.cc, s3_parts.cc ----
  absl::StatusOr<bool> Publish(const S3Spool& spool, const BlobInfo& info, const ChunkSums& sums);
  // ABORTED if it is there already (and `replace` is not set).
  absl::Status Upload(const S3Spool& spool, const BlobInfo& info, const ChunkSums& sums,
                      bool replace);
  absl::StatusOr<s3::PutResult> PutOnce(const s3::RequestBody& body, const std::string& key,
                                        s3::PutOptions options);
  absl::StatusOr<s3::PutResult> PutInParts(const S3Spool& spool, const ChunkSums& sums,
                                           const std::string& key, s3::PutOptions options);
  absl::StatusOr<std::vector<s3::UploadedPart>> SendParts(const S3Spool& spool,
                                                          const ChunkSums& sums,
                                                          const std::string& key,
                                                          const std::string& upload);
  // OK if the blob is there, whole and as recorded, with its sums; NOT_FOUND; DATA_LOSS.
  absl::Status Inspect(const Digest& digest);
  void Noted(const absl::Status& write);

  // ---- collecting: s3_collecting.cc, s3_listing.cc ----
  absl::Status MarkTouched(const Digest& digest);
  // How much longer a deletion of the blob may be under way; nothing if none is.
  absl::StatusOr<std::optional<absl::Duration>> FencedFor(const Digest& digest);
  // False at once if no deletion is under way; true once it is over; UNAVAILABLE if that takes too
  // long.
  absl::StatusOr<bool> WaitForDeletion(const Digest& digest);
  absl::StatusOr<std::string> StampOf(const Digest& digest);
  absl::StatusOr<bool> Claim(const Digest& digest, Deletion& deletion);
  absl::StatusOr<int> Remove(const Digest& digest, const Deletion& deletion);
  absl::Status ReadShard(const std::string& shard, const std::string& after, Shard& to);
  void AbortForgottenUploads();
  void Sleep(absl::Duration duration) const;

  Env& env_;
  s3::Client& client_;
  const Options options_;
  ReadAheadBudget budget_;
  std::atomic<bool> no_conditions_{false};  // the server has said that it knows no If-None-Match
  std::unique_ptr<Executor> parts_;

  // Blobs that somebody in this process is putting: a second one waits and finds it there.
  Mutex mu_;
  CondVar put_;
  std::set<Digest> putting_ SR_GUARDED_BY(mu_);
  // For CheckWritable, in SteadyNow.
  absl::Duration wrote_ SR_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace stockroom::fileserver
