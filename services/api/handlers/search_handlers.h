// stockroom.v1.SearchService as plain functions. Errors are listed in the proto.
#pragma once

#include "absl/status/status.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/search_index.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/search.pb.h"

namespace stockroom::api {

class SearchHandlers {
 public:
  SearchHandlers(SearchIndex& index, FeedPosition& position) : index_(index), position_(position) {}

  absl::Status SearchImages(const CallContext& context, const Principal& who,
                            const v1::SearchImagesRequest& request,
                            v1::SearchImagesResponse* response);
  // Only waiting for a feed position can block; everything else is memory.
  bool MayBlock(const v1::SearchImagesRequest& request) const {
    return request.at_least_position() > position_.Get();
  }

  void AddTo(MethodTable& table);

 private:
  SearchIndex& index_;
  FeedPosition& position_;
};

}  // namespace stockroom::api
