// stockroom.v1.SearchService as plain functions. Errors are listed in the proto.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
  // After AwaitPosition. Memory only.
  absl::Status SearchImages(const CallContext& context, const Principal& who,
                            const v1::SearchImagesRequest& request,
                            v1::SearchImagesResponse* response);
  // The same answer as the bytes of its message, without a message for each image: those are
  // handed on as the index holds them.
  absl::StatusOr<std::string> SearchImagesInBytes(const Principal& who,
                                                  const v1::SearchImagesRequest& request) const;
  // The same for a gRPC reaction, which answers or refuses at once: nullopt calls for a thread.
  std::optional<absl::StatusOr<std::string>> SearchImagesIfCheap(
      const Principal& who, const v1::SearchImagesRequest& request) const;

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
