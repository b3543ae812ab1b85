// Delivery: memory, then what is stored, then a worker.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "services/api/cache/rendition_cache.h"
#include "services/api/domain/change_listeners.h"
#include "services/api/domain/delivery.h"
#include "services/api/domain/flights.h"
#include "services/api/domain/fresh_images.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/picture_plan.h"
#include "services/api/domain/plan_memo.h"
#include "services/api/domain/popularity.h"
#include "services/api/domain/rendition_fetch.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/recipe/signing.h"

namespace stockroom::api {

// Images come out of the index, or from the store when it has them not (yet). Renditions that are
// being fetched or made are purged as cached ones are: whoever waits looks the image up anew.
//
// Metrics: stockroom_delivery_total{from}, stockroom_delivery_fetch_seconds{from},
// stockroom_delivery_fetches, stockroom_delivery_waiting, stockroom_delivery_refused_total.
class DeliveryService final : public Delivery, public WriteListener, public FeedListener {
 public:
  struct Options {
    PictureRules rules;
    // Whoever likes may ask for any recipe; else they need a signature for what is no preset.
    bool unsigned_recipes = false;
    // Null: no signature is good.
    std::shared_ptr<const PathSigner> signer;
    // Renditions being fetched or made at once, and callers who wait for them.
    int max_fetches = 256;
    size_t max_waiting = 384;
    // Longest that one may take, whoever waits for it.
    absl::Duration fetch_timeout = absl::Seconds(30);
    // Stored renditions of more bytes are passed on piece by piece and not held.
    int64_t most_held = 4 << 20;
    // Whose views (of renditions and of what is known about an image) and downloads (of originals)
    // are counted. Null: nobody's. Must outlive the service.
    PopularityCounts* popularity = nullptr;
  };
  // All must outlive it.
  DeliveryService(Options options, MetadataStore& store, const SearchIndex& index,
                  BlobClient& blobs, Renderer& renderer, RenditionCache& cache, Executor& executor,
                  TimerQueue& timers, Metrics& metrics);
  // Drains.
  ~DeliveryService() override;

  std::optional<absl::StatusOr<Deliverable>> TryFind(const Principal& who,
                                                     const PictureRequest& request) override;
  void Find(const CallContext& context, const Principal& who, PictureRequest request,
            Found done) override;
  void Open(const CallContext& context, const Deliverable& what, ByteRange range,
            Opened done) override;
  void Sending(const Deliverable& what, Sent sent) override;

  // Not of deletions alone: also of images that are hidden.
  void Changed(const Image& image) override;
  void Deleted(const Image& image) override;
  void BeginAnew() override;
  void EndAnew() override;
  void Followed(std::span<const FollowedChange> changes) override;

  // The original's renditions leave memory, and what is under way is void.
  void Purge(const Digest& original);
  // What is stored and what is in memory; blocks until it is gone, at most a second.
  void PurgeAll(const Image& image);
  // Ends the work under way; nobody may Find any more.
  void Drain();

 private:
  struct Search;  // one call of Find

  using ImagePtr = std::shared_ptr<const Image>;
  // What is known of a request without any bytes. `deliverable` is what it comes to, but for them.
  struct Looked {
    Deliverable deliverable;
    std::shared_ptr<const KnownPicture> known;  // null if it is complete
  };
  // `image` may be too old for the URL: then nullopt, unless it is `newest`.
  std::optional<absl::StatusOr<Looked>> Look(const Principal& who, const Image& image,
                                             const PictureRequest& request, bool newest);
  absl::StatusOr<std::shared_ptr<const KnownPicture>> Understand(const Image& image,
                                                                 const PictureRequest& request);
  absl::Status CheckSignature(const PictureRequest& request, bool needed) const;
  absl::StatusOr<Deliverable> Redirect(const Image& image, const PictureRequest& request) const;

  void Begin(std::shared_ptr<Search> search);
  void ReadFromStore(std::shared_ptr<Search> search);
  void Continue(std::shared_ptr<Search> search, const Image& image, bool newest);
  void Fetch(std::shared_ptr<Search> search, const Image& image, Looked looked);
  RenderOrder OrderFor(const Image& image, const PicturePlan& plan) const;
  void OpenOriginal(const CallContext& context, const Deliverable& what, ByteRange range,
                    Opened done);
  void OpenRendition(const CallContext& context, const Deliverable& what, ByteRange range,
                     Opened done);

  const Options options_;
  MetadataStore& store_;
  BlobClient& blobs_;
  Renderer& renderer_;
  RenditionCache& cache_;
  Executor& executor_;
  FreshImages images_;
  PlanMemo memo_;
  uint64_t anew_ = 0;  // the follower's thread only
  Counter* sent_[6] = {};
  Histogram& store_seconds_;
  Histogram& render_seconds_;
  Counter& refused_;
  Flights<FetchedRendition> flights_;
};

}  // namespace stockroom::api
