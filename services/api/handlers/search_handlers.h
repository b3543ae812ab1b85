// stockroom.v1.SearchService as plain functions. Errors are listed in the proto.
#pragma once

#include <string>
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
  // The index is not that far yet.
  bool MustWait(const v1::SearchImagesRequest& request) const {
    return request.at_least_position() > position_.Get();
  }
  // Fit for a gRPC reaction: answered, or refused, at once.
  bool IsCheap(const Principal& who, const v1::SearchImagesRequest& request) const;

  // After AwaitPosition. Memory only.
  absl::Status SearchImages(const CallContext& context, const Principal& who,
                            const v1::SearchImagesRequest& request,
                            v1::SearchImagesResponse* response);
  // The same answer as the bytes of its message, without a message for each image: those are
  // handed on as the index holds them.
  absl::Status SearchImagesInBytes(const CallContext& context, const Principal& who,
                                   const v1::SearchImagesRequest& request, std::string* response);

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
