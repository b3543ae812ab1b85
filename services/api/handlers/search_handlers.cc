#include "services/api/handlers/search_handlers.h"

#include <string>
#include <vector>

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/search_messages.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

v1::ImageView ViewOf(v1::ImageView asked) { return asked == v1::FULL ? v1::FULL : v1::BASIC; }

v1::Suggestion::Kind KindOf(Suggestion::Kind kind) {
  switch (kind) {
    case Suggestion::Kind::kWord:
      return v1::Suggestion::WORD;
    case Suggestion::Kind::kTag:
      return v1::Suggestion::TAG;
    case Suggestion::Kind::kCamera:
      return v1::Suggestion::CAMERA;
  }
  return v1::Suggestion::KIND_UNSPECIFIED;
}

}  // namespace

absl::Status SearchHandlers::SearchImages(const CallContext&, const Principal& who,
                                          const v1::SearchImagesRequest& request,
                                          v1::SearchImagesResponse* response) {
  SR_ASSIGN_OR_RETURN(const SearchRequest asked, SearchRequestOf(request));
  // Before the search, which may know more by then.
  response->set_feed_position(position_.Get());
  SR_ASSIGN_OR_RETURN(const SearchResult result, index_.Search(who, asked));
  FillAnswer(request, asked, result, response);
  if (asked.fetch == Fetch::kIds) return absl::OkStatus();
  std::string scratch;
  for (const SearchHit& hit : result.hits) {
    const std::string_view bytes = ImageBytes(hit, asked.fetch, scratch);
    if (!response->add_images()->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::DataLossError("a stored image can not be read: " + hit.id);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SearchHandlers::SearchImagesInBytes(
    const Principal& who, const v1::SearchImagesRequest& request) const {
  SR_ASSIGN_OR_RETURN(const SearchRequest asked, SearchRequestOf(request));
  const int64_t position = position_.Get();
  SR_ASSIGN_OR_RETURN(const SearchResult result, index_.Search(who, asked));
  return AnswerInBytes(request, asked, result, position);
}

std::optional<absl::StatusOr<std::string>> SearchHandlers::SearchImagesIfCheap(
    const Principal& who, const v1::SearchImagesRequest& request) const {
  const absl::StatusOr<SearchRequest> asked = SearchRequestOf(request);
  if (!asked.ok()) return asked.status();
  const int64_t position = position_.Get();
  const std::optional<absl::StatusOr<SearchResult>> result = index_.SearchIfCheap(who, *asked);
  if (!result) return std::nullopt;
  if (!result->ok()) return result->status();
  return AnswerInBytes(request, *asked, **result, position);
}

absl::Status SearchHandlers::Suggest(const CallContext&, const Principal& who,
                                     const v1::SuggestRequest& request,
                                     v1::SuggestResponse* response) {
  SR_ASSIGN_OR_RETURN(const std::vector<Suggestion> suggestions,
                      index_.Suggest(who, request.prefix(), request.limit()));
  for (const Suggestion& suggestion : suggestions) {
    v1::Suggestion* out = response->add_suggestions();
    out->set_text(suggestion.text);
    out->set_kind(KindOf(suggestion.kind));
    out->set_count(suggestion.count);
  }
  return absl::OkStatus();
}

absl::Status SearchHandlers::FindSimilar(const CallContext&, const Principal& who,
                                         const v1::FindSimilarRequest& request,
                                         v1::FindSimilarResponse* response) {
  SR_ASSIGN_OR_RETURN(const std::vector<SimilarImage> similar,
                      index_.FindSimilar(who, request.id(), request.page_size()));
  for (const SimilarImage& one : similar) {
    v1::FindSimilarResponse::Match* match = response->add_matches();
    ToMessage(*one.image, ViewOf(request.view()), match->mutable_image());
    match->set_distance(one.distance);
  }
  return absl::OkStatus();
}

void SearchHandlers::AddTo(MethodTable& table) {
  const auto* service =
      v1::SearchImagesRequest::descriptor()->file()->FindServiceByName("SearchService");
  UnaryMethod& search = AddUnary<v1::SearchImagesRequest, v1::SearchImagesResponse>(
      table, service, "SearchImages", this, &SearchHandlers::SearchImages);
  search.prepare = [this](const CallContext& context, const google::protobuf::Message& request,
                          FeedPosition::Done ready) {
    AwaitPosition(context, static_cast<const v1::SearchImagesRequest&>(request), std::move(ready));
  };
  AddUnary<v1::SuggestRequest, v1::SuggestResponse>(table, service, "Suggest", this,
                                                    &SearchHandlers::Suggest);
  AddUnary<v1::FindSimilarRequest, v1::FindSimilarResponse>(table, service, "FindSimilar", this,
                                                            &SearchHandlers::FindSimilar);
}

}  // namespace stockroom::api
