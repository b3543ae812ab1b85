#include "services/fileserver/store/rendition_store.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/upload_rules.h"

namespace stockroom::fileserver {
namespace {

// What the disk does not give stays so, and would be an error for ever; it can be made anew.
absl::Status AsDamage(const absl::Status& error) {
  const ErrorDetails details = DetailsOf(error);
  const auto found = details.metadata.find("errno");
  if (found == details.metadata.end()) return error;
  for (const int lost : {EIO, EBADMSG, EUCLEAN}) {
    if (found->second == std::to_string(lost)) return absl::DataLossError(error.message());
  }
  return error;
}

class UnlessUnreadable final : public RenditionSource {
 public:
  explicit UnlessUnreadable(std::unique_ptr<RenditionSource> source) : source_(std::move(source)) {}
  const RenditionInfo& info() const override { return source_->info(); }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    return AsDamage(source_->ReadAt(offset, to, size));
  }
  absl::StatusOr<ChunkSums> Sums() override { return source_->Sums(); }
  int Descriptor() const override { return source_->Descriptor(); }

 private:
  const std::unique_ptr<RenditionSource> source_;
};

absl::Status DamagedAndGone() {
  return NotFound("RENDITION_NOT_FOUND", "the rendition was damaged and has been removed");
}

}  // namespace

class RenditionStore::UploadImpl final : public RenditionUpload {
 public:
  UploadImpl(std::unique_ptr<RenditionSink> sink, int64_t limit, Slots::Slot slot)
      : sink_(std::move(sink)), limit_(limit), slot_(std::move(slot)) {}

  absl::Status Append(std::string_view bytes) override {
    if (!status_.ok() || bytes.empty()) return status_;
    status_ = CheckRoom(size_, bytes.size(), limit_);
    if (status_.ok()) status_ = sink_->Append(bytes);
    if (!status_.ok()) {
      sink_.reset();
      return status_;
    }
    hasher_.Update(bytes);
    summer_.Update(bytes);
    size_ += static_cast<int64_t>(bytes.size());
    return status_;
  }

  absl::StatusOr<RenditionInfo> Finish(int64_t sent) override {
    SR_RETURN_IF_ERROR(status_);
    status_ = absl::FailedPreconditionError("the upload is finished");
    const std::unique_ptr<RenditionSink> sink = std::move(sink_);
    SR_RETURN_IF_ERROR(CheckComplete(size_, sent));
    const RenditionInfo info{.sha256 = hasher_.FinishSha256(), .size = size_};
    SR_RETURN_IF_ERROR(sink->Commit(info, summer_.Finish()));
    return info;
  }

 private:
  std::unique_ptr<RenditionSink> sink_;
  const int64_t limit_;
  const Slots::Slot slot_;
  StreamHasher hasher_;
  ChunkSummer summer_;
  int64_t size_ = 0;
  absl::Status status_;
};

RenditionStore::RenditionStore(BlobBackend& backend, const Options& options, Metrics& metrics)
    : backend_(backend),
      options_(options),
      uploads_("rendition upload", options.max_uploads, metrics),
      downloads_("rendition download", options.max_downloads, metrics),
      damaged_(metrics.GetCounter("stockroom_fileserver_renditions_damaged_total",
                                  "Renditions found damaged, and removed.")) {}

absl::StatusOr<std::unique_ptr<RenditionUpload>> RenditionStore::Put(
    const RenditionAddress& address) {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, uploads_.Take());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<RenditionSink> sink, backend_.CreateRendition(address));
  return std::make_unique<UploadImpl>(std::move(sink), options_.max_rendition_bytes,
                                      std::move(slot));
}

absl::StatusOr<std::unique_ptr<RenditionDownload>> RenditionStore::Get(
    const RenditionAddress& address, ByteRange range) {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, downloads_.Take());
  absl::StatusOr<std::unique_ptr<RenditionSource>> source = OpenSource(address);
  absl::Status status = source.status();
  if (status.ok()) status = VerifyWithoutSums(**source);
  if (absl::IsDataLoss(status)) {
    RemoveDamaged(address, status);
    return DamagedAndGone();
  }
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<RenditionDownload>> download = RenditionDownload::Start(
      *std::move(source), range,
      [this, address](const absl::Status& damage) { RemoveDamaged(address, damage); },
      std::move(slot));
  if (absl::IsDataLoss(download.status())) return DamagedAndGone();
  return download;
}

absl::StatusOr<std::unique_ptr<RenditionSource>> RenditionStore::Open(
    const RenditionAddress& address) {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  absl::StatusOr<std::unique_ptr<RenditionSource>> source = OpenSource(address);
  absl::Status status = source.status();
  if (status.ok() && (*source)->Descriptor() >= 0) status = VerifyAll(**source);
  if (status.ok()) return source;
  if (!absl::IsDataLoss(status)) return status;
  RemoveDamaged(address, status);
  return DamagedAndGone();
}

absl::StatusOr<std::unique_ptr<RenditionSource>> RenditionStore::OpenSource(
    const RenditionAddress& address) {
  absl::StatusOr<std::unique_ptr<RenditionSource>> source = backend_.OpenRendition(address);
  if (!source.ok()) return AsDamage(source.status());
  return std::make_unique<UnlessUnreadable>(*std::move(source));
}

void RenditionStore::RemoveDamaged(const RenditionAddress& address, const absl::Status& damage) {
  damaged_.Add();
  // Somebody may have replaced it just now; removing a good one costs only a remake.
  const absl::Status removed = backend_.RemoveRendition(address);
  LogWarning("damaged rendition removed", {{"original", address.original.hex()},
                                           {"key", address.key},
                                           {"error", damage},
                                           {"removed", removed}});
}

absl::Status RenditionStore::VerifyWithoutSums(RenditionSource& source) {
  SR_ASSIGN_OR_RETURN(const ChunkSums sums, source.Sums());
  if (!sums.empty()) return absl::OkStatus();
  StreamHasher hasher;
  std::string buffer;
  const int64_t size = source.info().size;
  for (int64_t position = 0; position < size; position += kChunkBytes) {
    buffer.resize(static_cast<size_t>(std::min(kChunkBytes, size - position)));
    SR_RETURN_IF_ERROR(source.ReadAt(position, buffer.data(), buffer.size()));
    hasher.Update(buffer);
  }
  if (hasher.FinishSha256() != source.info().sha256) {
    return absl::DataLossError("its SHA-256 is not the recorded one");
  }
  return absl::OkStatus();
}

absl::Status RenditionStore::VerifyAll(RenditionSource& source) {
  SR_ASSIGN_OR_RETURN(const ChunkSums sums, source.Sums());
  if (sums.empty()) return VerifyWithoutSums(source);
  std::string buffer;
  const int64_t size = source.info().size;
  for (int64_t position = 0; position < size; position += kChunkBytes) {
    buffer.resize(static_cast<size_t>(std::min(kChunkBytes, size - position)));
    SR_RETURN_IF_ERROR(source.ReadAt(position, buffer.data(), buffer.size()));
    SR_RETURN_IF_ERROR(sums.Verify(position, buffer));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RenditionStore::RemoveAll(const Digest& original) {
  return backend_.RemoveRenditions(original);
}

}  // namespace stockroom::fileserver
