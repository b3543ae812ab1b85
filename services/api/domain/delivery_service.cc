#include "services/api/domain/delivery_service.h"

#include <algorithm>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/domain/validation.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {
namespace {

constexpr absl::Duration kLookAgain = absl::Seconds(1);

// A name to save an original under; browsers see the extension, so it follows the content.
std::string DownloadName(const Image& image) {
  if (!image.filename.empty()) return image.filename;
  return image.id + "." + (image.facts.format.empty() ? "bin" : ExtensionOf(image.facts.format));
}

absl::StatusOr<Deliverable> RenditionOf(const Image& image, const std::string& preset,
                                        const std::string& extension) {
  if (image.state == ImageState::kFailed) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the image could not be processed: " + image.failure_reason,
                      {.reason = "IMAGE_FAILED"});
  }
  const auto rendition =
      std::find_if(image.renditions.begin(), image.renditions.end(),
                   [&](const Rendition& candidate) { return candidate.preset == preset; });
  if (rendition == image.renditions.end()) {
    if (image.renditions.empty() && image.state != ImageState::kReady) {
      return MakeStatus(absl::StatusCode::kFailedPrecondition,
                        "the image is not processed yet; try again shortly",
                        {.reason = "IMAGE_NOT_READY", .retry_after = absl::Seconds(1)});
    }
    return NotFound("PRESET_NOT_FOUND", "this image has no rendition '" + preset + "'");
  }
  const std::string expected = ExtensionOf(rendition->format);
  if (extension != expected && !(expected == "jpg" && extension == "jpeg")) {
    return NotFound("OTHER_FORMAT", "'" + preset + "' of this image is " + preset + "." + expected);
  }
  return Deliverable{.image_id = image.id,
                     .sha256 = rendition->sha256,
                     .size = rendition->size_bytes,
                     .media_type = rendition->media_type,
                     .visibility = image.described.visibility,
                     .modified = image.update_time,
                     .recipe_key = rendition->key,
                     .original = image.sha256};
}

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

DeliveryService::DeliveryService(Options options, MetadataStore& store, BlobClient& blobs,
                                 Completions& completions, Executor& executor, Clock& clock,
                                 std::function<void()> on_job, Metrics& metrics)
    : options_(options),
      store_(store),
      blobs_(blobs),
      completions_(completions),
      executor_(executor),
      clock_(clock),
      on_job_(std::move(on_job)),
      remakes_total_(metrics.GetCounter("stockroom_rendition_remakes_total",
                                        "Lost renditions that were asked for and made again.")) {}

absl::StatusOr<Image> DeliveryService::Readable(const Principal& who, const std::string& image_id) {
  SR_RETURN_IF_ERROR(CheckImageId(image_id));
  absl::StatusOr<Image> image = store_.GetImage(image_id);
  if (absl::IsNotFound(image.status())) return NoSuchImage(image_id);
  if (!image.ok()) return image;
  const bool hidden = image->state == ImageState::kFlagged || image->state == ImageState::kRejected;
  if (hidden || !MayRead(who, *image)) return NoSuchImage(image_id);
  return image;
}

void DeliveryService::FindRendition(const CallContext&, const Principal& who,
                                    const std::string& image_id, const std::string& preset,
                                    const std::string& extension, Found done) {
  auto shared = std::make_shared<Found>(std::move(done));
  const absl::Status queued =
      executor_.Submit([this, who, image_id, preset, extension, shared]() mutable {
        const absl::StatusOr<Image> image = Readable(who, image_id);
        image.ok() ? (*shared)(RenditionOf(*image, preset, extension)) : (*shared)(image.status());
      });
  if (!queued.ok()) (*shared)(queued);
}

void DeliveryService::FindOriginal(const CallContext&, const Principal& who,
                                   const std::string& image_id, Found done) {
  auto shared = std::make_shared<Found>(std::move(done));
  const absl::Status queued = executor_.Submit([this, who, image_id, shared]() mutable {
    const absl::StatusOr<Image> image = Readable(who, image_id);
    if (!image.ok()) return (*shared)(image.status());
    (*shared)(Deliverable{.image_id = image->id,
                          .sha256 = image->sha256,
                          .size = image->size_bytes,
                          .media_type = image->facts.media_type.empty() ? "application/octet-stream"
                                                                        : image->facts.media_type,
                          .download_name = DownloadName(*image),
                          .visibility = image->described.visibility,
                          .modified = image->update_time,
                          .original = image->sha256});
  });
  if (!queued.ok()) (*shared)(queued);
}

void DeliveryService::Open(const CallContext& context, const Deliverable& what, ByteRange range,
                           Opened done) {
  if (what.recipe_key.empty()) {
    OpenOriginal(context, what, range, std::move(done));
  } else {
    OpenRendition(context, what, range, /*remake_until=*/std::nullopt, std::move(done));
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

// `remake_until` is set once the rendition was found missing and a job for it is queued.
void DeliveryService::OpenRendition(const CallContext& context, const Deliverable& what,
                                    ByteRange range, std::optional<absl::Time> remake_until,
                                    Opened done) {
  std::shared_ptr<RenditionReader> reader =
      blobs_.GetRendition(context, {what.original, what.recipe_key}, range);
  RenditionReader* raw = reader.get();
  raw->Open([this, context, what, range, remake_until, reader,
             done = std::move(done)](absl::StatusOr<RenditionInfo> info) mutable {
    if (absl::IsNotFound(info.status())) {
      const bool first = !remake_until;
      if (first) remake_until = std::min(absl::Now() + options_.remake_timeout, context.deadline);
      WaitForRemake(context, what, range, *remake_until, std::move(done));
      if (first) QueueRemake(context, what);  // after the wait began, so that its end is not missed
      return;
    }
    if (!info.ok()) return done(info.status());
    if (info->sha256 != what.sha256) {
      return done(absl::AbortedError("the rendition was made again with other bytes"));
    }
    done(std::make_unique<ReaderSource<RenditionReader>>(std::move(reader)));
  });
}

// Renditions are not synced and may be gone after a power cut. Processing the image again makes
// them.
void DeliveryService::QueueRemake(const CallContext& context, const Deliverable& what) {
  remakes_total_.Add();
  // When this can not be queued or the store is away, the waiting viewer is told to come back.
  executor_.SubmitAdmitted([this, what, request_id = context.request_id] {
    const absl::StatusOr<int> enqueued =
        store_.EnqueueJobs({&what.image_id, 1}, {.request_id = request_id}, clock_.Now());
    LogWarning("a lost rendition is made again",
               {{"image", what.image_id}, {"enqueue", enqueued.status()}}, request_id);
    on_job_();
  });
}

// A wake-up may be about an earlier processing, and one that comes between a look and the next wait
// is missed; so the rendition is looked for at every wake-up and now and then.
void DeliveryService::WaitForRemake(const CallContext& context, const Deliverable& what,
                                    ByteRange range, absl::Time until, Opened done) {
  completions_.Wait(
      what.image_id, std::min(until, absl::Now() + kLookAgain), *context.cancellation,
      [this, context, what, range, until, done = std::move(done)](Completions::Why) mutable {
        if (absl::Status in_vain = context.Check(); !in_vain.ok()) return done(in_vain);
        if (absl::Now() >= until) {
          return done(
              Unavailable("REMAKING", "the rendition is being made again; try again shortly"));
        }
        OpenRendition(context, what, range, until, std::move(done));
      });
}

}  // namespace stockroom::api
