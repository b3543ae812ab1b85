#include "services/fileserver/backends/s3_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_layout.h"
#include "services/fileserver/backends/s3_record.h"

namespace stockroom::fileserver {
namespace {

// Deletions, and races with other replicas, that a Publish goes through before it gives up.
constexpr int kMostRounds = 5;

}  // namespace

// One commit of a digest at a time in this process.
class S3Backend::Turn {
 public:
  Turn(S3Backend& backend, const Digest& digest) : backend_(backend), digest_(digest) {
    const absl::Duration until = s3::SteadyNow() + backend_.options_.turn_patience;
    MutexLock lock(backend_.mu_);
    while (!(mine_ = backend_.putting_.insert(digest_).second)) {
      const absl::Duration left = until - s3::SteadyNow();
      if (left <= absl::ZeroDuration()) return;
      backend_.put_.WaitFor(backend_.mu_, left);
    }
  }
  ~Turn() {
    if (!mine_) return;
    MutexLock lock(backend_.mu_);
    backend_.putting_.erase(digest_);
    backend_.put_.NotifyAll();
  }
  // UNAVAILABLE if the other one took too long.
  absl::Status status() const {
    if (mine_) return absl::OkStatus();
    return MakeStatus(absl::StatusCode::kUnavailable,
                      "blob " + digest_.hex() + " is being stored by another request all the time",
                      {.reason = "BLOB_CONTENDED",
                       .metadata = {},
                       .violations = {},
                       .retry_after = absl::Seconds(5)});
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  S3Backend& backend_;
  const Digest digest_;
  bool mine_ = false;
};

class S3Backend::Sink final : public BlobSink {
 public:
  explicit Sink(S3Backend& backend)
      : backend_(backend),
        spool_(backend.env_, backend.options_.spool_dir, backend.options_.spool_memory_bytes,
               backend.options_.spool_reserve_bytes) {}

  absl::Status Append(std::string_view bytes) override { return spool_.Append(bytes); }

  absl::StatusOr<bool> Commit(const BlobInfo& info, const ChunkSums& sums) override {
    if (spool_.size() != info.size) return absl::InternalError("a commit of other bytes");
    const Turn turn(backend_, info.sha256);
    SR_RETURN_IF_ERROR(turn.status());
    absl::StatusOr<bool> existed = backend_.Publish(spool_, info, sums);
    backend_.Noted(existed.status());
    return existed;
  }

 private:
  S3Backend& backend_;
  S3Spool spool_;
};

class S3Backend::RenditionSinkImpl final : public RenditionSink {
 public:
  RenditionSinkImpl(S3Backend& backend, RenditionAddress address)
      : backend_(backend),
        address_(std::move(address)),
        spool_(backend.env_, backend.options_.spool_dir, backend.options_.spool_memory_bytes,
               backend.options_.spool_reserve_bytes) {}

  absl::Status Append(std::string_view bytes) override { return spool_.Append(bytes); }

  absl::Status Commit(const RenditionInfo& info, const ChunkSums& sums) override {
    const absl::Status put =
        backend_.client_
            .Put(s3_layout::RenditionKey(address_), spool_,
                 {.metadata = EncodeRecord(info, sums), .sha256 = info.sha256, .md5 = {}})
            .status();
    backend_.Noted(put);
    return put;
  }

 private:
  S3Backend& backend_;
  const RenditionAddress address_;
  S3Spool spool_;
};

S3Backend::S3Backend(Env& env, s3::Client& client, const Options& options, Metrics& metrics)
    : env_(env),
      client_(client),
      options_(options),
      budget_(options.read_memory_bytes),
      parts_(std::make_unique<Executor>(
          Executor::Options{.name = "s3-parts",
                            .threads = options.part_threads,
                            .max_queued = options.part_threads * options.parallel_parts},
          metrics)) {}

absl::StatusOr<std::unique_ptr<S3Backend>> S3Backend::Open(Env& env, s3::Client& client,
                                                           const Options& options,
                                                           Metrics& metrics) {
  if (options.spool_dir.empty()) return InvalidField("s3.spool_dir", "must name a directory");
  if (const absl::Status made = EnsureDirectory(env, options.spool_dir); !made.ok()) {
    return Annotate(made, "s3.spool_dir");
  }
  const absl::Status found = client.CheckBucket();
  if (absl::IsFailedPrecondition(found)) return found;
  if (!found.ok()) LogWarning("the S3 server does not answer yet", {{"error", found}});
  return std::unique_ptr<S3Backend>(new S3Backend(env, client, options, metrics));
}

void S3Backend::Sleep(absl::Duration duration) const {
  if (options_.sleep) {
    options_.sleep(duration);
  } else {
    absl::SleepFor(duration);
  }
}

absl::StatusOr<std::unique_ptr<BlobSink>> S3Backend::CreateBlob() {
  return std::make_unique<Sink>(*this);
}

absl::StatusOr<std::unique_ptr<BlobSource>> S3Backend::OpenBlob(const Digest& digest) {
  return OpenS3Blob(client_, digest, options_.read, budget_);
}

absl::StatusOr<bool> S3Backend::Publish(const S3Spool& spool, const BlobInfo& info,
                                        const ChunkSums& sums) {
  const Digest& digest = info.sha256;
  bool wrote = false;
  for (int round = 0; round < kMostRounds; ++round) {
    absl::Status there = Inspect(digest);
    if (there.ok()) {
      SR_RETURN_IF_ERROR(MarkTouched(digest));
    } else if (absl::IsNotFound(there) || absl::IsDataLoss(there)) {
      if (absl::IsDataLoss(there)) {
        LogWarning("replacing a damaged blob", {{"digest", digest.hex()}, {"error", there}});
      }
      const absl::Status uploaded = Upload(spool, info, sums, absl::IsDataLoss(there));
      if (absl::IsAborted(uploaded)) continue;  // another replica was faster
      SR_RETURN_IF_ERROR(uploaded);
      wrote = true;
    } else {
      return there;
    }
    // From here on it counts as touched: whoever begins to delete it sees that. Whoever has begun
    // before is seen here. And who has ended before may have taken it: so look once more.
    SR_ASSIGN_OR_RETURN(const bool waited, WaitForDeletion(digest));
    if (waited) continue;
    there = Inspect(digest);
    if (there.ok()) return !wrote;
    if (!absl::IsNotFound(there) && !absl::IsDataLoss(there)) return there;
  }
  return Unavailable("BLOB_CONTENDED", "blob " + digest.hex() + " comes and goes; try again");
}

absl::Status S3Backend::Inspect(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobSource> source, OpenBlob(digest));
  return source->Sums().status();
}

absl::StatusOr<s3::PutResult> S3Backend::PutOnce(const s3::RequestBody& body,
                                                 const std::string& key, s3::PutOptions options) {
  options.if_none_match = options.if_none_match && !no_conditions_;
  absl::StatusOr<s3::PutResult> put = client_.Put(key, body, options);
  if (!options.if_none_match || !absl::IsUnimplemented(put.status())) return put;
  LogInfo("the S3 server knows no If-None-Match; it is left out from now on");
  no_conditions_ = true;
  options.if_none_match = false;
  return client_.Put(key, body, options);
}

absl::Status S3Backend::Upload(const S3Spool& spool, const BlobInfo& info, const ChunkSums& sums,
                               bool replace) {
  // Before the blob: who sees the blob can verify it.
  if (sums.sums().size() > options_.inline_sums) {
    const std::string bytes = sums.Encode();
    SR_RETURN_IF_ERROR(client_
                           .Put(s3_layout::SumsKey(info.sha256), s3::TextBody(bytes),
                                {.metadata = {}, .sha256 = Digest::Of(bytes), .md5 = {}})
                           .status());
  }
  s3::PutOptions options{.metadata = EncodeRecord(info, sums, options_.inline_sums),
                         .if_none_match = !replace};
  const std::string key = s3_layout::BlobKey(info.sha256);
  if (spool.size() > options_.part_bytes) return PutInParts(spool, sums, key, options).status();
  options.sha256 = info.sha256;
  options.md5 = info.md5;
  return PutOnce(spool, key, options).status();
}

absl::StatusOr<std::unique_ptr<RenditionSink>> S3Backend::CreateRendition(
    const RenditionAddress& address) {
  return std::make_unique<RenditionSinkImpl>(*this, address);
}

absl::StatusOr<std::unique_ptr<RenditionSource>> S3Backend::OpenRendition(
    const RenditionAddress& address) {
  return OpenS3Rendition(client_, address, options_.read, budget_);
}

absl::Status S3Backend::RemoveRendition(const RenditionAddress& address) {
  return client_.Delete(s3_layout::RenditionKey(address));
}

absl::StatusOr<int> S3Backend::RemoveRenditions(const Digest& original) {
  s3::ListOptions options{.prefix = s3_layout::RenditionFolder(original), .start_after = {}};
  int removed = 0;
  do {
    SR_ASSIGN_OR_RETURN(const s3::ListPage page, client_.List(options));
    std::vector<std::string> keys;
    for (const s3::ListedObject& object : page.objects) keys.push_back(object.key);
    SR_RETURN_IF_ERROR(client_.DeleteMany(keys));
    removed += static_cast<int>(keys.size());
    options.start_after = page.next_after;
  } while (!options.start_after.empty());
  return removed;
}

void S3Backend::Noted(const absl::Status& write) {
  MutexLock lock(mu_);
  wrote_ = write.ok() ? s3::SteadyNow() : -absl::InfiniteDuration();
}

absl::Status S3Backend::CheckWritable() {
  SR_RETURN_IF_ERROR(CheckReserve(env_, options_.spool_dir, options_.spool_reserve_bytes));
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env_.OpenUnnamed(options_.spool_dir));
  SR_RETURN_IF_ERROR(AppendAll(*file, "probe"));
  {
    MutexLock lock(mu_);
    if (s3::SteadyNow() - wrote_ < options_.probe_every) return absl::OkStatus();
  }
  const absl::Status put =
      client_.Put(s3_layout::kProbe, s3::TextBody("stockroom"), {.metadata = {}, .md5 = {}})
          .status();
  Noted(put);
  return put;
}

}  // namespace stockroom::fileserver
