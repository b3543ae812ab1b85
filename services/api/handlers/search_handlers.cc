#include "services/api/handlers/search_handlers.h"

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

}  // namespace

absl::Status SearchHandlers::SearchImages(const CallContext&, const Principal& who,
                                          const v1::SearchImagesRequest& request,
                                          v1::SearchImagesResponse* response) {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  response->set_feed_position(position_.Get());
  SR_ASSIGN_OR_RETURN(
      const SearchResult result,
      index_.Search(who,
                    {.query = request.q(),
                     .page_size = request.page_size() == 0 ? kDefaultPage : request.page_size(),
                     .page_token = request.page_token()}));
  const v1::ImageView view = request.view() == v1::FULL ? v1::FULL : v1::BASIC;
  for (const auto& image : result.images) ToMessage(*image, view, response->add_images());
  response->set_next_page_token(result.next_page_token);
  response->set_total(result.total);
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
}

}  // namespace stockroom::api
