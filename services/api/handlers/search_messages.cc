#include "services/api/handlers/search_messages.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "services/api/handlers/query_messages.h"
#include "services/api/handlers/varint.h"
#include "services/api/handlers/wire_image.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/query/words.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;
constexpr int kMaxTypos = 2;
// Bytes of a hit, and of its image's tag and length, besides its id and image.
constexpr size_t kMostOfHit = 48;

struct NamedField {
  const char* name;
  FacetField field;
};
constexpr NamedField kFields[] = {
    {"tag", FacetField::kTag},         {"format", FacetField::kFormat},
    {"license", FacetField::kLicense}, {"year", FacetField::kYear},
    {"camera", FacetField::kCamera},   {"orientation", FacetField::kOrientation},
    {"lens", FacetField::kLens},       {"color", FacetField::kColor},
    {"dataset", FacetField::kDataset}, {"owner", FacetField::kOwner},
    {"state", FacetField::kState}};

// Each at most once, so that a request can not ask for endless counting.
absl::StatusOr<std::vector<FacetField>> FieldsOf(const v1::SearchImagesRequest& request) {
  std::vector<FacetField> fields;
  for (int i = 0; i < request.facets_size(); ++i) {
    const std::string where = "facets[" + std::to_string(i) + "]";
    const auto* named =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [&](const NamedField& known) { return request.facets(i) == known.name; });
    if (named == std::end(kFields)) {
      return InvalidField(where,
                          "expected tag, format, license, year, orientation, camera, lens, color, "
                          "dataset, owner or state");
    }
    if (std::find(fields.begin(), fields.end(), named->field) != fields.end()) {
      return InvalidField(where, std::string(named->name) + " is asked for twice");
    }
    fields.push_back(named->field);
  }
  return fields;
}

absl::StatusOr<SortOrder> OrderOf(v1::SearchOrder order) {
  switch (order) {
    case v1::SEARCH_ORDER_UNSPECIFIED:
      return SortOrder::kDefault;
    case v1::RELEVANCE:
      return SortOrder::kRelevance;
    case v1::NEWEST:
      return SortOrder::kNewest;
    case v1::POPULAR:
      return SortOrder::kPopular;
    case v1::LARGEST:
      return SortOrder::kLargest;
    case v1::MOST_SIMILAR:
      return SortOrder::kSimilar;
    case v1::RANDOM:
      return SortOrder::kRandom;
    default:
      return InvalidField("order",
                          "expected RELEVANCE, NEWEST, POPULAR, LARGEST, MOST_SIMILAR or "
                          "RANDOM");
  }
}

Fetch FetchOf(const v1::SearchImagesRequest& request) {
  if (request.ids_only()) return Fetch::kIds;
  return request.view() == v1::FULL ? Fetch::kWireFull : Fetch::kWireBasic;
}

// Ranges of bytes, in order, as ranges of characters.
void ToMessage(const Highlight& highlight, v1::Highlight* out) {
  out->set_field(highlight.field);
  out->set_text(highlight.text);
  size_t at = 0;
  int32_t characters = 0;
  const auto count_to = [&](size_t end) {
    for (end = std::min(end, highlight.text.size()); at < end; ++at) {
      const bool continues = (static_cast<unsigned char>(highlight.text[at]) & 0xc0) == 0x80;
      if (!continues) ++characters;
    }
    return characters;
  };
  for (const auto& [begin, end] : highlight.ranges) {
    v1::Highlight::Range* range = out->add_ranges();
    range->set_begin(count_to(begin));
    range->set_end(count_to(end));
  }
}

// How it was understood, with the typos that were allowed to it.
void Explain(const SearchRequest& asked, const SearchResult& result,
             v1::SearchImagesResponse* response) {
  absl::StatusOr<Query> query =
      asked.parsed != nullptr ? *asked.parsed : ParseSearchQuery(asked.query);
  // What the index answered can be read.
  if (!query.ok()) return;
  query = WithTypos(*std::move(query), asked.typos);
  response->set_canonical_query(CanonicalText(*query));
  ToMessage(*query, response->mutable_parsed_query());
  response->set_explanation(result.explanation);
}

void FillHits(const SearchResult& result, v1::SearchImagesResponse* response) {
  response->mutable_hits()->Reserve(static_cast<int>(result.hits.size()));
  for (const SearchHit& hit : result.hits) {
    v1::SearchHit* out = response->add_hits();
    out->set_id(hit.id);
    out->set_score(hit.score);
    out->set_similar_count(hit.collapsed);
    for (const Highlight& highlight : hit.highlights) {
      ToMessage(highlight, out->add_highlights());
    }
  }
}

// All but the hits and what FillAnswer leaves out.
void FillRest(const v1::SearchImagesRequest& request, const SearchRequest& asked,
              const SearchResult& result, v1::SearchImagesResponse* response) {
  for (int i = 0; i < request.facets_size(); ++i) {
    v1::Facet* facet = response->add_facets();
    facet->set_field(request.facets(i));
    for (const FacetValue& value : result.facets[static_cast<size_t>(i)]) {
      v1::FacetValue* out = facet->add_values();
      out->set_value(value.value);
      out->set_count(value.count);
    }
  }
  response->set_next_page_token(result.next_page_token);
  response->set_total(result.total);
  response->set_total_is_estimate(!result.total_is_exact);
  response->set_did_you_mean(result.did_you_mean);
  if (asked.explain) Explain(asked, result, response);
}

void AppendVarint(uint64_t number, std::string& bytes) {
  char varint[kLongestVarint];
  bytes.append(varint, static_cast<size_t>(PutVarint(number, varint) - varint));
}

void AppendTag(int field, WireFormatLite::WireType type, std::string& bytes) {
  AppendVarint(WireFormatLite::MakeTag(field, type), bytes);
}

constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

void AppendBytes(int field, std::string_view value, std::string& bytes) {
  AppendTag(field, kBytes, bytes);
  AppendVarint(value.size(), bytes);
  bytes.append(value);
}

// As FillHits; without highlights, which need a message.
void AppendHit(const SearchHit& hit, std::string& scratch, std::string& bytes) {
  using Message = v1::SearchHit;
  scratch.clear();
  if (!hit.id.empty()) AppendBytes(Message::kIdFieldNumber, hit.id, scratch);
  if (const auto bits = std::bit_cast<uint64_t>(hit.score); bits != 0) {
    static_assert(std::endian::native == std::endian::little);
    AppendTag(Message::kScoreFieldNumber, WireFormatLite::WIRETYPE_FIXED64, scratch);
    scratch.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
  if (hit.collapsed != 0) {
    AppendTag(Message::kSimilarCountFieldNumber, WireFormatLite::WIRETYPE_VARINT, scratch);
    AppendVarint(static_cast<uint64_t>(hit.collapsed), scratch);
  }
  AppendBytes(v1::SearchImagesResponse::kHitsFieldNumber, scratch, bytes);
}

}  // namespace

absl::StatusOr<SearchRequest> SearchRequestOf(const v1::SearchImagesRequest& request) {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  if (request.typos() < 0 || request.typos() > kMaxTypos) {
    return InvalidField("typos", "expected 0 to " + std::to_string(kMaxTypos));
  }
  if (!request.similar_to().empty() && request.order() != v1::MOST_SIMILAR) {
    return InvalidField("similar_to", "goes with the order MOST_SIMILAR only");
  }
  SearchRequest asked{.query = request.q(),
                      .page_size = request.page_size() == 0 ? kDefaultPage : request.page_size(),
                      .page_token = request.page_token(),
                      .seed = request.seed(),
                      .similar_to = request.similar_to(),
                      .exact_total = request.exact_total(),
                      .collapse = request.collapse_similar(),
                      .highlight = request.highlight(),
                      .explain = request.explain(),
                      .typos = request.typos(),
                      .stemming = request.stemming(),
                      .fetch = FetchOf(request)};
  SR_ASSIGN_OR_RETURN(asked.facets, FieldsOf(request));
  SR_ASSIGN_OR_RETURN(asked.sort, OrderOf(request.order()));
  if (!request.has_query()) return asked;
  if (!request.q().empty()) return InvalidField("query", "give either q or query");
  SR_ASSIGN_OR_RETURN(Query parsed, FromMessage(request.query()));
  asked.parsed = std::make_shared<const Query>(std::move(parsed));
  return asked;
}

void FillAnswer(const v1::SearchImagesRequest& request, const SearchRequest& asked,
                const SearchResult& result, v1::SearchImagesResponse* response) {
  FillHits(result, response);
  FillRest(request, asked, result, response);
}

std::string_view ImageBytes(const SearchHit& hit, Fetch fetch, std::string& scratch) {
  if (!hit.wire.empty() || hit.image == nullptr) return hit.wire;
  scratch = BasicWireOf(*hit.image);
  if (fetch == Fetch::kWireFull) scratch += AnalysisWireOf(*hit.image);
  return scratch;
}

std::string AnswerInBytes(const v1::SearchImagesRequest& request, const SearchRequest& asked,
                          const SearchResult& result, int64_t feed_position) {
  google::protobuf::Arena arena;
  auto* rest = google::protobuf::Arena::CreateMessage<v1::SearchImagesResponse>(&arena);
  rest->set_feed_position(feed_position);
  FillRest(request, asked, result, rest);
  const bool marked = std::any_of(result.hits.begin(), result.hits.end(),
                                  [](const SearchHit& hit) { return !hit.highlights.empty(); });
  if (marked) FillHits(result, rest);
  size_t room = rest->ByteSizeLong();
  for (const SearchHit& hit : result.hits) room += kMostOfHit + hit.id.size() + hit.wire.size();
  std::string bytes;
  bytes.reserve(room);
  std::string scratch;
  for (const SearchHit& hit : result.hits) {
    if (asked.fetch != Fetch::kIds) {
      AppendBytes(v1::SearchImagesResponse::kImagesFieldNumber,
                  ImageBytes(hit, asked.fetch, scratch), bytes);
    }
    if (!marked) AppendHit(hit, scratch, bytes);
  }
  rest->AppendToString(&bytes);
  return bytes;
}

}  // namespace stockroom::api
