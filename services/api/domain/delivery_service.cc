#include "services/api/domain/delivery_service.h"

#include <future>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "services/api/domain/access.h"
#include "services/api/domain/validation.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// A purge may come while one waits; once more is the rule, and this often is a storm of changes.
constexpr int kMostAttempts = 4;
constexpr const char* kFrom[] = {"memory", "store", "render", "original", "info", "not_modified"};
constexpr size_t kNotModified = 5;
constexpr char kInfo[] = "info";

// A name to save an original under; browsers see the extension, so it follows the content.
std::string DownloadName(const Image& image) {
  if (!image.filename.empty()) return image.filename;
  return image.id + "." + (image.facts.format.empty() ? "bin" : ExtensionOf(image.facts.format));
}

// Beside the path: what the answer depends on.
std::string MemoKey(const PictureRequest& request) {
  if (!request.path.ends_with(".auto")) return request.raw_path;
  const Preferences& p = request.preferences;
  return request.raw_path + "?" + std::to_string(p.avif) + "," + std::to_string(p.webp) + "," +
         std::to_string(p.jpeg) + "," + std::to_string(p.png) + "," + std::to_string(p.gif) + "," +
         std::to_string(p.dpr) + "," + std::to_string(p.width) + "," +
         std::to_string(p.viewport_width) + (p.save_data ? ",s" : "");
}

Deliverable AboutImage(const Image& image) {
  return {.image_id = image.id,
          // What is not READY may still be found out to be something that nobody shall see.
          .visibility = image.state == ImageState::kReady ? SeenAs(image) : Visibility::kPrivate,
          .modified = image.update_time,
          .original = image.sha256};
}

void PutPicture(const RenditionCache::Picture& picture, Deliverable& out) {
  out.sha256 = picture->sha256;
  out.size = static_cast<int64_t>(picture->bytes->size());
  out.media_type = picture->media_type;
  out.bytes = picture->bytes;
}

Deliverable OriginalOf(const Image& image) {
  Deliverable out = AboutImage(image);
  out.sha256 = image.sha256;
  out.size = image.size_bytes;
  out.media_type =
      image.facts.media_type.empty() ? "application/octet-stream" : image.facts.media_type;
  out.download_name = DownloadName(image);
  return out;
}

Deliverable InfoOf(const Image& image, const PictureRules& rules) {
  Deliverable out = AboutImage(image);
  out.bytes = std::make_shared<const std::string>(DescribePictures(image, rules));
  out.sha256 = Digest::Of(*out.bytes);
  out.size = static_cast<int64_t>(out.bytes->size());
  out.media_type = "application/json";
  out.from = Deliverable::From::kInfo;
  return out;
}

Histogram& FetchSeconds(Metrics& metrics, const char* from) {
  return metrics.GetHistogram("stockroom_delivery_fetch_seconds",
                              "Time that a rendition took that was not in memory, by where it came "
                              "from.",
                              Histogram::LatencyBounds(), {{"from", from}});
}

}  // namespace

struct DeliveryService::Search {
  CallContext context;
  Principal who;
  PictureRequest request;
  Found done;
  int attempts = 0;
};

DeliveryService::DeliveryService(Options options, MetadataStore& store, const SearchIndex& index,
                                 BlobClient& blobs, Renderer& renderer, RenditionCache& cache,
                                 Executor& executor, TimerQueue& timers, Metrics& metrics)
    : options_(std::move(options)),
      store_(store),
      blobs_(blobs),
      renderer_(renderer),
      cache_(cache),
      executor_(executor),
      images_(index),
      store_seconds_(FetchSeconds(metrics, "store")),
      render_seconds_(FetchSeconds(metrics, "render")),
      refused_(metrics.GetCounter("stockroom_delivery_refused_total",
                                  "Requests that found too many renditions being made.")),
      flights_({.most = options_.max_fetches,
                .most_waiting = options_.max_waiting,
                .longest = options_.fetch_timeout,
                .flights = &metrics.GetGauge("stockroom_delivery_fetches",
                                             "Renditions being fetched or made."),
                .waiting = &metrics.GetGauge("stockroom_delivery_waiting",
                                             "Requests that wait for a rendition.")},
               timers) {
  for (size_t i = 0; i < std::size(sent_); ++i) {
    sent_[i] = &metrics.GetCounter("stockroom_delivery_total",
                                   "Answers, by where the bytes came from.", {{"from", kFrom[i]}});
  }
}

DeliveryService::~DeliveryService() { Drain(); }

void DeliveryService::Drain() { flights_.Drain(); }

absl::Status DeliveryService::CheckSignature(const PictureRequest& request, bool needed) const {
  if (request.signature.empty() && request.expires.empty()) {
    if (!needed || options_.unsigned_recipes) return absl::OkStatus();
    return MakeStatus(absl::StatusCode::kPermissionDenied,
                      "only presets may be asked for without a signature; see delivery.unsigned",
                      {.reason = "SIGNATURE_NEEDED"});
  }
  if (options_.signer == nullptr) {
    return MakeStatus(absl::StatusCode::kPermissionDenied,
                      "this gateway has no keys to check signatures with",
                      {.reason = "SIGNATURE_INVALID"});
  }
  return options_.signer->Verify(request.raw_path, request.signature, request.expires, absl::Now());
}

absl::StatusOr<std::shared_ptr<const KnownPicture>> DeliveryService::Understand(
    const Image& image, const PictureRequest& request) {
  const std::string key = MemoKey(request);
  std::shared_ptr<const KnownPicture> known = memo_.Find(key);
  if (known != nullptr && known->image_revision == image.revision) return known;
  KnownPicture fresh{.image_revision = image.revision};
  SR_ASSIGN_OR_RETURN(fresh.url, ParsePictureUrl(request.path));
  const bool picture =
      fresh.url.kind == PictureUrl::Kind::kPreset || fresh.url.kind == PictureUrl::Kind::kRecipe;
  if (picture) {
    SR_RETURN_IF_ERROR(CheckProcessed(image));
    SR_ASSIGN_OR_RETURN(fresh.plan,
                        PlanPicture(image, fresh.url, request.preferences, options_.rules));
  }
  known = std::make_shared<const KnownPicture>(std::move(fresh));
  memo_.Put(key, known);
  return known;
}

// The same place for the current revision; signed as the one asked for was.
absl::StatusOr<Deliverable> DeliveryService::Redirect(const Image& image,
                                                      const PictureRequest& request) const {
  Deliverable out = AboutImage(image);
  // "/i/{id}/{revision}/…" as sent.
  const size_t revision = request.raw_path.find('/', request.raw_path.find('/', 1) + 1) + 1;
  const size_t rest = request.raw_path.find('/', revision);
  // Slashes may have come percent-encoded.
  if (rest == std::string::npos) {
    return NotFound("NO_SUCH_FILE", "a revision stands between slashes: /i/{id}/{revision}/…");
  }
  out.redirect = request.raw_path.substr(0, revision) + std::to_string(image.revision) +
                 request.raw_path.substr(rest);
  int64_t expires = 0;
  if (!request.signature.empty() && options_.signer != nullptr) {
    std::optional<absl::Time> until;
    if (absl::SimpleAtoi(request.expires, &expires)) until = absl::FromUnixSeconds(expires);
    out.redirect += "?" + options_.signer->Sign(out.redirect, until);
  }
  return out;
}

std::optional<absl::StatusOr<DeliveryService::Looked>> DeliveryService::Look(
    const Principal& who, const Image& image, const PictureRequest& request, bool newest) {
  const bool hidden = IsHidden(image.state) && !who.scopes.Has(Scope::kModerate);
  if (hidden || !MayRead(who, image)) return NoSuchImage(request.image_id);
  absl::StatusOr<std::shared_ptr<const KnownPicture>> known = Understand(image, request);
  if (!known.ok()) return known.status();
  const PictureUrl& url = (*known)->url;
  absl::Status allowed = CheckSignature(request, url.kind == PictureUrl::Kind::kRecipe);
  if (!allowed.ok()) return allowed;
  if (url.kind != PictureUrl::Kind::kInfo && !MaySeePicture(who, image)) {
    return NotShown(image);
  }
  Looked looked;
  if (url.kind == PictureUrl::Kind::kOriginal) {
    looked.deliverable = OriginalOf(image);
    return looked;
  }
  if (url.kind == PictureUrl::Kind::kInfo) {
    looked.deliverable = InfoOf(image, options_.rules);
    return looked;
  }
  if (url.revision != 0 && url.revision != image.revision) {
    // The index may not know of it yet.
    if (url.revision > image.revision && !newest) return std::nullopt;
    absl::StatusOr<Deliverable> redirect = Redirect(image, request);
    if (!redirect.ok()) return redirect.status();
    looked.deliverable = *std::move(redirect);
    return looked;
  }
  looked.deliverable = AboutImage(image);
  looked.deliverable.negotiated = (*known)->plan.negotiated;
  looked.deliverable.immutable = url.revision != 0;
  looked.deliverable.recipe_key = (*known)->plan.address.key;
  int64_t expires = 0;
  if (!request.expires.empty() && absl::SimpleAtoi(request.expires, &expires)) {
    looked.deliverable.expires = absl::FromUnixSeconds(expires);
  }
  looked.known = *std::move(known);
  return looked;
}

std::optional<absl::StatusOr<Deliverable>> DeliveryService::TryFind(const Principal& who,
                                                                    const PictureRequest& request) {
  if (request.path == kInfo) return std::nullopt;  // to be written, maybe a megabyte
  const ImagePtr image = images_.Find(request.image_id);
  if (image == nullptr) return std::nullopt;
  std::optional<absl::StatusOr<Looked>> looked = Look(who, *image, request, /*newest=*/false);
  if (!looked) return std::nullopt;
  if (!looked->ok()) return looked->status();
  Deliverable& out = (*looked)->deliverable;
  if ((*looked)->known == nullptr) return std::move(out);
  const RenditionCache::Picture picture =
      cache_.Find((*looked)->known->plan.address, RenditionCache::Miss::kIsLookedForAgain);
  if (picture == nullptr) return std::nullopt;
  PutPicture(picture, out);
  out.from = Deliverable::From::kMemory;
  return std::move(out);
}

void DeliveryService::Find(const CallContext& context, const Principal& who, PictureRequest request,
                           Found done) {
  if (absl::Status id = CheckImageId(request.image_id); !id.ok()) return done(id);
  Begin(std::make_shared<Search>(Search{context, who, std::move(request), std::move(done)}));
}

void DeliveryService::Begin(std::shared_ptr<Search> search) {
  if (++search->attempts > kMostAttempts) {
    return search->done(Unavailable("CHANGING", "the image keeps changing; try again shortly"));
  }
  const std::string& id = search->request.image_id;
  const ImagePtr image = search->request.path == kInfo ? nullptr : images_.Find(id);
  if (image == nullptr) return ReadFromStore(std::move(search));
  Continue(std::move(search), *image, /*newest=*/false);
}

void DeliveryService::ReadFromStore(std::shared_ptr<Search> search) {
  const absl::Status queued = executor_.Submit([this, search]() mutable {
    const std::string& id = search->request.image_id;
    const absl::StatusOr<Image> image = store_.GetImage(id);
    if (image.ok()) return Continue(std::move(search), *image, /*newest=*/true);
    search->done(absl::IsNotFound(image.status()) ? NoSuchImage(id) : image.status());
  });
  if (!queued.ok()) search->done(queued);
}

void DeliveryService::Continue(std::shared_ptr<Search> search, const Image& image, bool newest) {
  std::optional<absl::StatusOr<Looked>> looked = Look(search->who, image, search->request, newest);
  if (!looked) return ReadFromStore(std::move(search));
  if (!looked->ok()) return search->done(looked->status());
  if ((*looked)->known == nullptr) return search->done(std::move((*looked)->deliverable));
  Fetch(std::move(search), image, **std::move(looked));
}

RenderOrder DeliveryService::OrderFor(const Image& image, const PicturePlan& plan) const {
  RenderOrder order{.original = image.sha256,
                    .traits = TraitsOf(image),
                    .recipe = plan.recipe,
                    .key = plan.address.key,
                    .ladder = options_.rules.ladder,
                    .max_pixels = options_.rules.max_pixels};
  for (const auto& [name, picture] : options_.rules.watermarks) {
    if (plan.recipe.mark && plan.recipe.mark->name == picture.name) {
      order.watermarks.push_back(picture);
    }
  }
  return order;
}

void DeliveryService::Fetch(std::shared_ptr<Search> search, const Image& image, Looked looked) {
  const RenditionAddress address = looked.known->plan.address;
  // Before the look whether the image is still what it was: a purge comes after the change that
  // caused it, so either that look sees the change, or the fence the purge.
  const RenditionCache::Fence fence = cache_.Begin(address.original);
  if (!images_.IsCurrent(image)) return Begin(std::move(search));
  if (const auto picture = cache_.Find(address); picture != nullptr) {
    PutPicture(picture, looked.deliverable);
    looked.deliverable.from = Deliverable::From::kMemory;
    return search->done(std::move(looked.deliverable));
  }
  const auto start = [this, order = OrderFor(image, looked.known->plan), fence, address](
                         const CallContext& context, Flights<FetchedRendition>::Done done) mutable {
    FetchRendition(
        blobs_, renderer_, context, std::move(order), options_.most_held,
        [this, fence, address, began = absl::Now(),
         done = std::move(done)](absl::StatusOr<FetchedRendition> fetched) mutable {
          if (!fetched.ok()) return done(fetched.status());
          (fetched->made ? render_seconds_ : store_seconds_)
              .Observe(absl::ToDoubleSeconds(absl::Now() - began));
          if (fetched->picture != nullptr &&
              cache_.Put(address, fence, fetched->picture) == RenditionCache::Outcome::kPurged) {
            return done(PurgedMeanwhile());
          }
          done(std::move(fetched));
        });
  };
  const CallContext& context = search->context;
  flights_.Join(address, context, std::move(start),
                [this, search, out = std::move(looked.deliverable)](
                    absl::StatusOr<FetchedRendition> fetched) mutable {
                  if (IsPurgedMeanwhile(fetched.status())) return Begin(std::move(search));
                  if (!fetched.ok()) {
                    if (absl::IsResourceExhausted(fetched.status())) refused_.Add();
                    return search->done(fetched.status());
                  }
                  if (fetched->picture != nullptr) {
                    PutPicture(fetched->picture, out);
                  } else {
                    out.sha256 = fetched->stored.sha256;
                    out.size = fetched->stored.size;
                    out.media_type = fetched->media_type;
                  }
                  out.from = fetched->made ? Deliverable::From::kRender : Deliverable::From::kStore;
                  search->done(std::move(out));
                });
}

void DeliveryService::Sending(const Deliverable& what, Sent sent) {
  sent_[sent == Sent::kNotModified ? kNotModified : static_cast<size_t>(what.from)]->Add();
  if (options_.popularity == nullptr || sent != Sent::kBeginning) return;
  if (what.from == Deliverable::From::kOriginal) {
    options_.popularity->AddDownload(what.image_id);
  } else {
    options_.popularity->AddView(what.image_id);
  }
}

void DeliveryService::Purge(const Digest& original) {
  cache_.Purge(original);
  flights_.Abort(original);
}

void DeliveryService::PurgeAll(const Image& image) {
  Purge(image.sha256);
  const CallContext context = CallContext::WithTimeout(absl::Seconds(1));
  auto deleted = std::make_shared<std::promise<absl::Status>>();
  blobs_.DeleteRenditions(context, image.sha256, [deleted](absl::StatusOr<int> count) {
    deleted->set_value(count.status());
  });
  const absl::Status status = deleted->get_future().get();
  if (!status.ok()) {
    LogWarning("renditions stay stored", {{"image", image.id}, {"error", status}});
  }
}

// First it is noted what may not be shown any more, then what was made of it is purged: see Fetch.
void DeliveryService::Changed(const Image& image) {
  images_.Wrote(image.id, image.revision);
  if (!IsHidden(image.state)) return;
  Purge(image.sha256);
  blobs_.DeleteRenditions(CallContext::WithTimeout(absl::Seconds(30)), image.sha256,
                          [id = image.id](absl::StatusOr<int> deleted) {
                            if (deleted.ok()) return;
                            LogWarning("renditions of a hidden image stay stored",
                                       {{"image", id}, {"error", deleted.status()}});
                          });
}

void DeliveryService::Deleted(const Image& image) {
  images_.Deleted(image.id);
  Purge(image.sha256);
}

void DeliveryService::BeginAnew() { anew_ = images_.Mark(); }

void DeliveryService::EndAnew() {
  images_.FollowedAll(anew_);
  cache_.Clear();
}

void DeliveryService::Followed(std::span<const FollowedChange> changes) {
  for (const FollowedChange& change : changes) {
    if (change.before != nullptr && (!change.ready || change.processed)) {
      Purge(change.before->sha256);
    }
    if (change.revision == 0) {
      images_.FollowedDeletion(change.id);
    } else {
      images_.Followed(change.id, change.revision);
    }
  }
}

}  // namespace stockroom::api
