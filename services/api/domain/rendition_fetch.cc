#include "services/api/domain/rendition_fetch.h"

#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using Done = absl::AnyInvocable<void(absl::StatusOr<FetchedRendition>)>;

// One call. It lives in its own callbacks.
class Fetch final : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(BlobClient& blobs, Renderer& renderer, const CallContext& context, RenderOrder order,
        int64_t most_held, Done done)
      : renderer_(renderer),
        context_(context),
        order_(std::move(order)),
        most_held_(most_held),
        done_(std::move(done)),
        reader_(blobs.GetRendition(context_, {order_.original, order_.key}, {})) {}

  void Start() {
    reader_->Open([self = shared_from_this()](absl::StatusOr<RenditionInfo> info) {
      self->OnOpened(std::move(info));
    });
  }

 private:
  void OnOpened(absl::StatusOr<RenditionInfo> info) {
    if (absl::IsNotFound(info.status())) return Make();
    if (!info.ok()) return done_(info.status());
    info_ = *info;
    if (info_.size > most_held_) {
      return done_(
          FetchedRendition{.picture = nullptr, .stored = info_, .media_type = MediaType()});
    }
    bytes_.reserve(static_cast<size_t>(info_.size));
    Read();
  }

  void Read() {
    reader_->Read([self = shared_from_this()](absl::StatusOr<std::optional<std::string>> piece) {
      self->OnRead(std::move(piece));
    });
  }

  void OnRead(absl::StatusOr<std::optional<std::string>> piece) {
    if (absl::IsDataLoss(piece.status())) return Make();
    if (!piece.ok()) return done_(piece.status());
    if (piece->has_value()) {
      bytes_ += **piece;
      return Read();
    }
    if (static_cast<int64_t>(bytes_.size()) != info_.size) return Make();
    CachedPicture picture{.bytes = std::make_shared<const std::string>(std::move(bytes_)),
                          .sha256 = info_.sha256,
                          .media_type = MediaType()};
    done_(FetchedRendition{.picture = std::make_shared<const CachedPicture>(std::move(picture)),
                           .stored = info_,
                           .media_type = MediaType()});
  }

  void Make() {
    renderer_.Render(context_, std::move(order_),
                     [self = shared_from_this()](absl::StatusOr<RenderedPicture> made) {
                       self->OnMade(std::move(made));
                     });
  }

  void OnMade(absl::StatusOr<RenderedPicture> made) {
    if (absl::IsNotFound(made.status())) {
      // Blob first, row last: this can not happen unless bytes were lost.
      LogError("the bytes of an image are missing", {{"error", made.status()}},
               context_.request_id);
      return done_(absl::DataLossError("the bytes of this image are missing"));
    }
    if (!made.ok()) return done_(made.status());
    const RenditionInfo info{made->sha256, static_cast<int64_t>(made->bytes->size())};
    CachedPicture picture{.bytes = std::move(made->bytes),
                          .sha256 = made->sha256,
                          .media_type = made->media_type,
                          .size = made->size};
    done_(FetchedRendition{.picture = std::make_shared<const CachedPicture>(picture),
                           .stored = info,
                           .media_type = picture.media_type,
                           .made = true});
  }

  std::string MediaType() const { return std::string(FormatMediaType(order_.recipe.format)); }

  Renderer& renderer_;
  const CallContext context_;
  RenderOrder order_;
  const int64_t most_held_;
  Done done_;
  std::unique_ptr<RenditionReader> reader_;
  RenditionInfo info_;
  std::string bytes_;
};

}  // namespace

void FetchRendition(BlobClient& blobs, Renderer& renderer, const CallContext& context,
                    RenderOrder order, int64_t most_held, Done done) {
  std::make_shared<Fetch>(blobs, renderer, context, std::move(order), most_held, std::move(done))
      ->Start();
}

}  // namespace stockroom::api
