#include "services/fileserver/store/rendition_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "services/common/base/log.h"
#include "services/fileserver/store/upload_rules.h"

namespace stockroom::fileserver {

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
    size_ += static_cast<int64_t>(bytes.size());
    return status_;
  }

  absl::StatusOr<RenditionInfo> Finish(int64_t sent) override {
    SR_RETURN_IF_ERROR(status_);
    status_ = absl::FailedPreconditionError("the upload is finished");
    const std::unique_ptr<RenditionSink> sink = std::move(sink_);
    SR_RETURN_IF_ERROR(CheckComplete(size_, sent));
    const RenditionInfo info{.sha256 = hasher_.FinishSha256(), .size = size_};
    SR_RETURN_IF_ERROR(sink->Commit(info));
    return info;
  }

 private:
  std::unique_ptr<RenditionSink> sink_;
  const int64_t limit_;
  const Slots::Slot slot_;
  StreamHasher hasher_;
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
  absl::StatusOr<std::unique_ptr<RenditionSource>> source = backend_.OpenRendition(address);
  absl::Status status = source.status();
  if (status.ok()) status = Verify(**source);
  if (absl::IsDataLoss(status)) {
    damaged_.Add();
    LogWarning("damaged rendition removed",
               {{"original", address.original.hex()}, {"key", address.key}, {"error", status}});
    // Somebody may have replaced it just now; removing a good one costs only a remake.
    SR_RETURN_IF_ERROR(backend_.RemoveRendition(address));
    return NotFound("RENDITION_NOT_FOUND", "the rendition was damaged and has been removed");
  }
  if (!status.ok()) return status;
  SR_ASSIGN_OR_RETURN(range, ResolveRange(range, (*source)->info().size));
  return std::make_unique<RenditionDownload>(*std::move(source), range, std::nullopt,
                                             std::move(slot));
}

absl::Status RenditionStore::Verify(RenditionSource& source) const {
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

absl::StatusOr<int> RenditionStore::RemoveAll(const Digest& original) {
  return backend_.RemoveRenditions(original);
}

}  // namespace stockroom::fileserver
