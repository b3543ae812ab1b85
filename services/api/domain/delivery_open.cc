// DeliveryService: bytes that are passed on piece by piece.
#include <utility>

#include "services/api/domain/delivery_service.h"
#include "services/common/base/log.h"

namespace stockroom::api {
namespace {

template <typename Reader>
class ReaderSource final : public ByteSource {
 public:
  explicit ReaderSource(std::shared_ptr<Reader> reader) : reader_(std::move(reader)) {}
  void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) override {
    reader_->Read(std::move(done));
  }

 private:
  std::shared_ptr<Reader> reader_;
};

}  // namespace

void DeliveryService::Open(const CallContext& context, const Deliverable& what, ByteRange range,
                           Opened done) {
  if (what.recipe_key.empty()) {
    OpenOriginal(context, what, range, std::move(done));
  } else {
    OpenRendition(context, what, range, std::move(done));
  }
}

void DeliveryService::OpenOriginal(const CallContext& context, const Deliverable& what,
                                   ByteRange range, Opened done) {
  std::shared_ptr<BlobReader> reader = blobs_.GetBlob(context, what.original, range);
  BlobReader* raw = reader.get();
  raw->Open([reader, done = std::move(done)](absl::StatusOr<BlobInfo> info) mutable {
    if (info.ok()) {
      done(std::make_unique<ReaderSource<BlobReader>>(std::move(reader)));
    } else if (absl::IsNotFound(info.status())) {
      // Blob first, row last: this can not happen unless bytes were lost.
      LogError("the bytes of an image are missing", {{"error", info.status()}});
      done(absl::DataLossError("the bytes of this image are missing"));
    } else {
      done(info.status());
    }
  });
}

void DeliveryService::OpenRendition(const CallContext& context, const Deliverable& what,
                                    ByteRange range, Opened done) {
  std::shared_ptr<RenditionReader> reader =
      blobs_.GetRendition(context, {what.original, what.recipe_key}, range);
  RenditionReader* raw = reader.get();
  raw->Open([sha256 = what.sha256, reader,
             done = std::move(done)](absl::StatusOr<RenditionInfo> info) mutable {
    if (absl::IsNotFound(info.status()) || (info.ok() && info->sha256 != sha256)) {
      return done(absl::AbortedError("the rendition is gone or was made again with other bytes"));
    }
    if (!info.ok()) return done(info.status());
    done(std::make_unique<ReaderSource<RenditionReader>>(std::move(reader)));
  });
}

}  // namespace stockroom::api
