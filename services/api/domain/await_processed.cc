#include "services/api/domain/await_processed.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::StatusOr<CreatedImage> Current(MetadataStore& store, CreatedImage created) {
  SR_ASSIGN_OR_RETURN(created.image, store.GetImage(created.image.id));
  // Of what has happened to it since, too: whoever waited wants to find it.
  const absl::StatusOr<MetadataStore::FeedRange> feed = store.GetFeedRange();
  if (feed.ok()) created.feed_position = std::max(created.feed_position, feed->last);
  return created;
}

}  // namespace

absl::Status ProcessingFailed(const std::string& image_id, const std::string& reason) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, "the image can not be processed: " + reason,
                    {.reason = "BAD_IMAGE", .metadata = {{"image_id", image_id}}});
}

bool IsProcessed(const Image& image) {
  return image.state != ImageState::kPending && image.state != ImageState::kProcessing;
}

void AwaitProcessed(MetadataStore& store, Completions& completions, Executor& executor,
                    const CallContext& context, CreatedImage created, absl::Duration longest,
                    absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> done) {
  using Done = absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)>;
  const std::string id = created.image.id;
  const absl::Time deadline = std::min(absl::Now() + longest, context.deadline);
  // Shared, because a refused task is destroyed and `done` must still be called.
  auto shared = std::make_shared<Done>(std::move(done));
  completions.Wait(
      id, deadline, *context.cancellation,
      [&store, &executor, shared, created = std::move(created)](Completions::Why why) mutable {
        if (why == Completions::Why::kCancelled) {
          return (*shared)(absl::CancelledError("the caller is gone"));
        }
        auto answer = [&store, shared, created = std::move(created)]() mutable {
          (*shared)(Current(store, std::move(created)));
        };
        if (!executor.SubmitAdmitted(std::move(answer))) {
          (*shared)(Unavailable("SHUTTING_DOWN", "the api is shutting down"));
        }
      });
  // It may have been processed before anybody waited.
  const absl::StatusOr<Image> current = store.GetImage(id);
  if (current.ok() && IsProcessed(*current)) completions.Notify(id);
}

}  // namespace stockroom::api
