#include "services/fileserver/store/blob_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/fileserver/store/content_hasher.h"
#include "services/fileserver/store/upload_rules.h"

namespace stockroom::fileserver {

class BlobStore::UploadImpl final : public BlobUpload {
 public:
  UploadImpl(BlobStore& store, std::unique_ptr<BlobSink> sink, int64_t limit,
             std::optional<Digest> expected, Slots::Slot slot)
      : store_(store),
        sink_(std::move(sink)),
        limit_(limit),
        expected_(expected),
        slot_(std::move(slot)),
        hasher_(store.options_.hashing) {}

  absl::Status Append(std::string_view bytes) override {
    if (Store(bytes)) hasher_.Update(bytes);
    return status_;
  }

  absl::Status AppendOwned(std::string bytes) override {
    if (Store(bytes)) hasher_.UpdateOwned(std::move(bytes));
    return status_;
  }

  absl::StatusOr<StoredBlob> Finish(int64_t sent) override {
    SR_RETURN_IF_ERROR(status_);
    status_ = absl::FailedPreconditionError("the upload is finished");
    const std::unique_ptr<BlobSink> sink = std::move(sink_);
    SR_RETURN_IF_ERROR(CheckComplete(size_, sent));
    ContentHasher::Result sums = hasher_.Finish();
    BlobInfo info{
        .sha256 = sums.sha256, .md5 = std::move(sums.md5), .size = size_, .crc32c = sums.crc32c};
    if (expected_ && info.sha256 != *expected_) {
      return MakeStatus(
          absl::StatusCode::kDataLoss,
          "the bytes that arrived are not those that were announced: their SHA-256 is " +
              info.sha256.hex() + ", expected " + expected_->hex(),
          {.reason = "DIGEST_MISMATCH"});
    }
    const absl::Time start = absl::Now();
    SR_ASSIGN_OR_RETURN(const bool existed, sink->Commit(info, sums.sums));
    store_.commit_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
    (existed ? store_.deduplicated_ : store_.bytes_stored_)
        .Add(existed ? 1 : static_cast<uint64_t>(size_));
    return StoredBlob{.info = std::move(info), .existed = existed};
  }

 private:
  // Whether there is something to hash; else the status says why.
  bool Store(std::string_view bytes) {
    if (!status_.ok() || bytes.empty()) return false;
    status_ = CheckRoom(size_, bytes.size(), limit_);
    if (status_.ok()) status_ = sink_->Append(bytes);
    if (!status_.ok()) {
      sink_.reset();  // frees the space now, not when the client has read the error
      return false;
    }
    size_ += static_cast<int64_t>(bytes.size());
    return true;
  }

  BlobStore& store_;
  std::unique_ptr<BlobSink> sink_;
  const int64_t limit_;
  const std::optional<Digest> expected_;
  const Slots::Slot slot_;
  ContentHasher hasher_;
  int64_t size_ = 0;
  absl::Status status_;
};

BlobStore::BlobStore(BlobBackend& backend, const Options& options, Metrics& metrics)
    : backend_(backend),
      options_(options),
      uploads_("blob upload", options.max_uploads, metrics),
      downloads_("blob download", options.max_downloads, metrics),
      listings_("blob listing", options.max_listings, metrics),
      commit_seconds_(metrics.GetHistogram("stockroom_fileserver_blob_commit_seconds",
                                           "Making a blob durable, after its last byte.",
                                           Histogram::LatencyBounds())),
      bytes_stored_(metrics.GetCounter("stockroom_fileserver_blob_bytes_stored_total",
                                       "Bytes of new blobs.")),
      deduplicated_(metrics.GetCounter("stockroom_fileserver_blobs_deduplicated_total",
                                       "Uploads of bytes that were there already.")),
      damaged_(metrics.GetCounter("stockroom_fileserver_blobs_damaged_total",
                                  "Reads that found a blob damaged.")),
      touched_(metrics.GetCounter("stockroom_fileserver_blobs_touched_total",
                                  "Touches of blobs by uploads that took long.")),
      collected_(metrics.GetCounter("stockroom_fileserver_blobs_collected_total",
                                    "Originals deleted because nothing referred to them.")),
      refused_(metrics.GetCounter("stockroom_fileserver_blobs_collect_refused_total",
                                  "Deletions refused because the blob was touched meanwhile.")) {}

absl::StatusOr<std::unique_ptr<BlobUpload>> BlobStore::Put(const PutBlobOptions& options) {
  if (options.max_bytes < 0) return InvalidField("max_bytes", "must not be negative");
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, uploads_.Take());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<BlobSink> sink, backend_.CreateBlob());
  const int64_t limit = options.max_bytes == 0
                            ? options_.max_blob_bytes
                            : std::min(options.max_bytes, options_.max_blob_bytes);
  return std::make_unique<UploadImpl>(*this, std::move(sink), limit, options.expected_sha256,
                                      std::move(slot));
}

absl::StatusOr<std::unique_ptr<BlobDownload>> BlobStore::Get(const Digest& digest,
                                                             ByteRange range) {
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, downloads_.Take());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<BlobSource> source, Open(digest));
  const auto on_damage = [this, digest](const absl::Status& status) {
    damaged_.Add();
    LogError("a blob is damaged", {{"digest", digest.hex()}, {"error", status}});
  };
  return BlobDownload::Start(std::move(source), range, on_damage, std::move(slot));
}

absl::StatusOr<std::unique_ptr<BlobSource>> BlobStore::Open(const Digest& digest) {
  absl::StatusOr<std::unique_ptr<BlobSource>> source = backend_.OpenBlob(digest);
  if (absl::IsDataLoss(source.status())) damaged_.Add();
  return source;
}

absl::StatusOr<BlobInfo> BlobStore::Stat(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobSource> source, backend_.OpenBlob(digest));
  return source->info();
}

absl::StatusOr<BlobPage> BlobStore::List(const ListBlobsOptions& options) {
  SR_RETURN_IF_ERROR(CheckListing(options));
  if (options.untouched_for < options_.min_untouched) {
    return InvalidField("untouched_for_ms", "must be at least " +
                                                absl::FormatDuration(options_.min_untouched) +
                                                " (collect.min_untouched of the file server)");
  }
  SR_ASSIGN_OR_RETURN(const Slots::Slot slot, listings_.Take());
  return backend_.ListBlobs(options);
}

absl::Status BlobStore::Touch(const Digest& digest) {
  SR_RETURN_IF_ERROR(backend_.TouchBlob(digest));
  touched_.Add();
  return absl::OkStatus();
}

absl::StatusOr<bool> BlobStore::DeleteIfUntouched(const Digest& digest, const std::string& stamp) {
  SR_ASSIGN_OR_RETURN(const bool deleted, backend_.DeleteBlobIfUntouched(digest, stamp));
  (deleted ? collected_ : refused_).Add();
  return deleted;
}

}  // namespace stockroom::fileserver
