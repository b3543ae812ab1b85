#include "services/api/domain/reprocessing.h"

#include <utility>

#include "services/api/domain/access.h"
#include "services/api/domain/validation.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

Reprocessing::Reprocessing(Options options, MetadataStore& store, SearchIndex& index, Clock& clock,
                           std::function<void()> on_queued)
    : options_(std::move(options)),
      store_(store),
      index_(index),
      clock_(clock),
      on_queued_(std::move(on_queued)) {}

absl::StatusOr<ReprocessResult> Reprocessing::Queue(const CallContext& context,
                                                    const Principal& who,
                                                    const ReprocessRequest& request) {
  ReprocessResult result;
  if (request.which == ReprocessRequest::Which::kOne) {
    SR_ASSIGN_OR_RETURN(result.queued, QueueOne(context, who, request.id));
    return result;
  }
  result.next_page_token = request.page_token;
  for (int i = 0; i < options_.batches_per_call; ++i) {
    SR_RETURN_IF_ERROR(context.Check());
    SR_ASSIGN_OR_RETURN(Batch batch, NextBatch(who, request, result.next_page_token));
    SR_ASSIGN_OR_RETURN(const int64_t queued, Enqueue(context, batch.ids));
    result.queued += queued;
    result.next_page_token = std::move(batch.next_page_token);
    if (result.next_page_token.empty()) break;
  }
  return result;
}

absl::StatusOr<int64_t> Reprocessing::QueueOne(const CallContext& context, const Principal& who,
                                               const std::string& id) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  const absl::StatusOr<Image> image = store_.GetImage(id);
  if (absl::IsNotFound(image.status())) return NoSuchImage(id);
  SR_RETURN_IF_ERROR(image.status());
  SR_RETURN_IF_ERROR(CheckMayChange(who, *image));
  return Enqueue(context, {id});
}

absl::StatusOr<Reprocessing::Batch> Reprocessing::NextBatch(const Principal& who,
                                                            const ReprocessRequest& request,
                                                            const std::string& page_token) {
  switch (request.which) {
    case ReprocessRequest::Which::kQuery:
      return Find(who, request.query, page_token);
    case ReprocessRequest::Which::kOutdated:
      return List(who, options_.work_plan, page_token);
    default:
      return List(who, "", page_token);
  }
}

absl::StatusOr<Reprocessing::Batch> Reprocessing::Find(const Principal& who,
                                                       const std::string& query,
                                                       const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(
      const SearchResult found,
      index_.Search(who, {.query = query, .page_size = options_.batch, .page_token = page_token}));
  Batch batch{.next_page_token = found.next_page_token};
  for (const SearchHit& hit : found.hits) {
    if (MayChange(who, *hit.image)) batch.ids.push_back(hit.id);
  }
  return batch;
}

absl::StatusOr<Reprocessing::Batch> Reprocessing::List(const Principal& who,
                                                       const std::string& work_plan,
                                                       const std::string& page_token) {
  if (!page_token.empty() && !CheckImageId(page_token).ok()) {
    return InvalidField("page_token", "is not a token that a call before has answered");
  }
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                      store_.ListOutdated(work_plan, page_token, options_.batch));
  Batch batch;
  if (static_cast<int>(ids.size()) == options_.batch) batch.next_page_token = ids.back();
  SR_ASSIGN_OR_RETURN(const std::vector<Image> images, store_.GetImages(ids));
  for (const Image& image : images) {
    if (MayChange(who, image)) batch.ids.push_back(image.id);
  }
  return batch;
}

absl::StatusOr<int64_t> Reprocessing::Enqueue(const CallContext& context,
                                              const std::vector<std::string>& ids) {
  if (ids.empty()) return 0;
  SR_ASSIGN_OR_RETURN(const int queued, store_.EnqueueJobs(ids,
                                                           {.request_id = context.request_id,
                                                            .priority = JobPriority::kBackground},
                                                           clock_.Now()));
  LogInfo("images are processed anew", {{"images", queued}}, context.request_id);
  if (queued > 0) on_queued_();
  return queued;
}

}  // namespace stockroom::api
