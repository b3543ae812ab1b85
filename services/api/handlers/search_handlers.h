// stockroom.v1.SearchService as plain functions. Errors are listed in the proto.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/search_index.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/search.pb.h"

namespace stockroom::api {

class SearchHandlers {
 public:
  SearchHandlers(SearchIndex& index, FeedPosition& position) : index_(index), position_(position) {}

  // Waits until the index holds the position that the request asks for; see FeedPosition::Wait.
  void AwaitPosition(const CallContext& context, const v1::SearchImagesRequest& request,
                     FeedPosition::Done ready) {
    position_.Wait(request.at_least_position(), context, std::move(ready));
  }
  // After AwaitPosition. Memory only.
  absl::Status SearchImages(const CallContext& context, const Principal& who,
                            const v1::SearchImagesRequest& request,
                            v1::SearchImagesResponse* response);
  // Not for a gRPC reaction: the index is not that far yet, or there are facets to count.
  bool MustWait(const v1::SearchImagesRequest& request) const {
    return request.at_least_position() > position_.Get() || request.facets_size() > 0;
  }

  // Never blocks.
  absl::Status Suggest(const CallContext& context, const Principal& who,
                       const v1::SuggestRequest& request, v1::SuggestResponse* response);
  // Memory only, but looks at every image.
  absl::Status FindSimilar(const CallContext& context, const Principal& who,
                           const v1::FindSimilarRequest& request,
                           v1::FindSimilarResponse* response);

  void AddTo(MethodTable& table);

 private:
  SearchIndex& index_;
  FeedPosition& position_;
};

}  // namespace stockroom::api
