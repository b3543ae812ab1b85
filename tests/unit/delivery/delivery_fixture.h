// Delivery over parts in memory, with a feed follower and a worker that does as it is told.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "services/api/cache/rendition_cache.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/delivery_service.h"
#include "services/api/workers/memory_renderer.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {

// One more api on the same database, which hears of changes by the feed alone.
struct Replica {
  Replica(MetadataStore& store, BlobClient& blobs, Renderer& renderer, Executor& executor,
          TimerQueue& timers, DeliveryService::Options options)
      : position(timers),
        completions(timers),
        delivery(std::move(options), store, index, blobs, renderer, cache, executor, timers,
                 metrics),
        follower({.poll = absl::Milliseconds(5), .listener = &delivery}, store, index, position,
                 completions, metrics) {
    follower.Start([] {});
  }

  Metrics metrics;
  MemorySearchIndex index{metrics};
  RenditionCache cache{{}, metrics};
  FeedPosition position;
  Completions completions;
  DeliveryService delivery;
  FeedFollower follower;
};

class DeliveryFixture : public Backstage {
 protected:
  static DeliveryService::Options DefaultOptions() {
    DeliveryService::Options options;
    options.rules.presets["thumb"] = *ParseRecipe("fit=320x320");
    options.unsigned_recipes = true;
    return options;
  }

  void SetUp() override { Start(DefaultOptions()); }
  void Start(const DeliveryService::Options& options) {
    here_.reset();
    here_.emplace(*store_, blobs_, renderer_, executor_, timers_, options);
    catalog_.emplace(*store_, blobs_, Clock::Real(), &here_->delivery);
  }
  DeliveryService& delivery() { return here_->delivery; }
  RenditionCache& cache() { return here_->cache; }

  // Uploaded and processed, in the index of this api (and of `other`).
  Image Ready(const std::string& bytes, Visibility visibility = Visibility::kPublic,
              const std::string& stored = "") {
    const std::string id = Upload(Png(bytes), {.described = {.visibility = visibility}})->image.id;
    return Complete(Lease(), stored);
  }
  // As a worker would. `stored`: what the file server has as thumb.jpg, "" for nothing.
  Image Complete(const LeasedJob& leased, const std::string& stored = "") {
    const Recipe recipe = *ParseRecipe("fit=320x320/format=jpeg");
    const std::string key = RenditionKey(recipe);
    if (!stored.empty()) {
      EXPECT_TRUE(WriteRendition(blobs_, Call(), {leased.image.sha256, key}, stored).ok());
    }
    auto image =
        store_->CompleteJob({leased.job.id, leased.job.token},
                            {.facts = {.width = 4000, .height = 3000, .format = "png", .frames = 1},
                             .renditions = {{.preset = "thumb",
                                             .recipe = CanonicalText(recipe),
                                             .key = key,
                                             .format = "jpeg",
                                             .media_type = "image/jpeg"}},
                             .work_plan = "plan"},
                            absl::Now());
    EXPECT_TRUE(image.ok()) << image.status();
    CatchUp(*here_);
    return *image;
  }
  void CatchUp(Replica& replica) {
    EXPECT_TRUE(Await(replica.position, store_->GetFeedRange()->last).ok());
  }

  static PictureRequest Asking(const Image& image, const std::string& path) {
    return {.image_id = image.id, .path = path, .raw_path = "/i/" + image.id + "/" + path};
  }
  using Answer = absl::StatusOr<Deliverable>;
  static std::future<Answer> Begin(DeliveryService& delivery, const PictureRequest& request,
                                   const Principal& who = Anna(), CallContext context = Call()) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    delivery.Find(context, who, request,
                  [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return future;
  }
  Answer Find(const Image& image, const std::string& path, const Principal& who = Anna()) {
    return Begin(delivery(), Asking(image, path), who).get();
  }
  // The bytes that are at hand, without waiting; nullopt if none are.
  std::optional<std::string> AtHand(DeliveryService& delivery, const Image& image,
                                    const std::string& path, const Principal& who = Anna()) {
    const auto found = delivery.TryFind(who, Asking(image, path));
    if (!found || !found->ok() || (*found)->bytes == nullptr) return std::nullopt;
    return *(*found)->bytes;
  }
  static std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }
  size_t Renders() { return renderer_.asked().size(); }

  MemoryRenderer renderer_;
  std::optional<Replica> here_;
  std::optional<Catalog> catalog_;
};

}  // namespace stockroom::api
