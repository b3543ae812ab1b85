#include "services/api/handlers/search_handlers.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

struct NamedField {
  const char* name;
  FacetField field;
};
constexpr NamedField kFields[] = {{"tag", FacetField::kTag},
                                  {"format", FacetField::kFormat},
                                  {"license", FacetField::kLicense},
                                  {"year", FacetField::kYear},
                                  {"orientation", FacetField::kOrientation}};

// Each at most once, so that a request can not ask for endless counting.
absl::StatusOr<std::vector<FacetField>> FieldsOf(const v1::SearchImagesRequest& request) {
  std::vector<FacetField> fields;
  for (int i = 0; i < request.facets_size(); ++i) {
    const std::string where = "facets[" + std::to_string(i) + "]";
    const auto* named =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [&](const NamedField& known) { return request.facets(i) == known.name; });
    if (named == std::end(kFields)) {
      return InvalidField(where, "expected tag, format, license, year or orientation");
    }
    if (std::find(fields.begin(), fields.end(), named->field) != fields.end()) {
      return InvalidField(where, std::string(named->name) + " is asked for twice");
    }
    fields.push_back(named->field);
  }
  return fields;
}

v1::ImageView ViewOf(v1::ImageView asked) { return asked == v1::FULL ? v1::FULL : v1::BASIC; }

}  // namespace

absl::Status SearchHandlers::SearchImages(const CallContext&, const Principal& who,
                                          const v1::SearchImagesRequest& request,
                                          v1::SearchImagesResponse* response) {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  SR_ASSIGN_OR_RETURN(const std::vector<FacetField> fields, FieldsOf(request));
  response->set_feed_position(position_.Get());
  SR_ASSIGN_OR_RETURN(
      const SearchResult result,
      index_.Search(who,
                    {.query = request.q(),
                     .page_size = request.page_size() == 0 ? kDefaultPage : request.page_size(),
                     .page_token = request.page_token(),
                     .facets = fields}));
  for (const auto& image : result.images) {
    ToMessage(*image, ViewOf(request.view()), response->add_images());
  }
  for (int i = 0; i < request.facets_size(); ++i) {
    v1::Facet* facet = response->add_facets();
    facet->set_field(request.facets(i));
    for (const FacetValue& value : result.facets[i]) {
      v1::FacetValue* out = facet->add_values();
      out->set_value(value.value);
      out->set_count(value.count);
    }
  }
  response->set_next_page_token(result.next_page_token);
  response->set_total(result.total);
  return absl::OkStatus();
}

absl::Status SearchHandlers::Suggest(const CallContext&, const Principal& who,
                                     const v1::SuggestRequest& request,
                                     v1::SuggestResponse* response) {
  SR_ASSIGN_OR_RETURN(const std::vector<Suggestion> suggestions,
                      index_.Suggest(who, request.prefix(), request.limit()));
  for (const Suggestion& suggestion : suggestions) {
    v1::Suggestion* out = response->add_suggestions();
    out->set_text(suggestion.text);
    out->set_kind(suggestion.is_tag ? v1::Suggestion::TAG : v1::Suggestion::WORD);
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
