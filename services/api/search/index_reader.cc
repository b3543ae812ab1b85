#include "services/api/search/index_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/search/exec/cursor.h"
#include "services/api/search/exec/execute.h"
#include "services/api/search/query/check.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/query/words.h"
#include "services/api/search/similar_scan.h"
#include "services/api/search/text/highlight.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kLargestPage = 500;
constexpr int kDefaultSuggestions = 10;
constexpr int kMostSuggestions = 50;
constexpr size_t kLongestPrefix = 100;
constexpr int kDefaultSimilar = 20;
constexpr int kMostSimilar = 100;
constexpr int kMostTypos = 2;
// Hits that are decoded, or decoded and marked, within a fraction of a millisecond.
constexpr size_t kCheapToDecode = 50;
constexpr size_t kCheapToHighlight = 5;
// Hits whose documents may have to come from the disk.
constexpr size_t kCheapToRead = 50;
// Words of fewer letters are not corrected: too many are near; from so many on two may be wrong.
constexpr size_t kCorrectedFrom = 3;
constexpr size_t kTwoTyposFrom = 8;
// No more and no longer ones are corrected: it takes a millisecond each.
constexpr size_t kMostCorrected = 4;
constexpr size_t kLongestCorrected = 32;

// As MayFind.
Viewer ViewerOf(const Principal& who) {
  return {.subject = who.subject, .sees_all = who.scopes.Has(Scope::kModerate)};
}

// 0 means the default.
absl::StatusOr<size_t> LimitOf(const char* field, int limit, int usual, int most) {
  if (limit < 0 || limit > most) {
    return InvalidField(
        field, "expected 1 to " + std::to_string(most) + ", or 0 for " + std::to_string(usual));
  }
  return limit == 0 ? usual : limit;
}

// A search with its query understood.
struct Asked {
  Query query;
  size_t limit = 0;
  SortOrder sort = SortOrder::kNewest;
};

absl::StatusOr<Asked> Understand(const SearchRequest& request) {
  Asked asked;
  SR_ASSIGN_OR_RETURN(asked.limit,
                      LimitOf("page_size", request.page_size, kDefaultPage, kLargestPage));
  if (request.typos < 0 || request.typos > kMostTypos) {
    return InvalidField("typos", "expected 0, 1 or 2");
  }
  if (request.parsed != nullptr) {
    SR_ASSIGN_OR_RETURN(asked.query, CheckQuery(*request.parsed));
  } else {
    SR_ASSIGN_OR_RETURN(asked.query, ParseSearchQuery(request.query));
  }
  if (request.typos > 0) asked.query = WithTypos(std::move(asked.query), request.typos);
  asked.sort = request.sort == SortOrder::kDefault ? SortOrder::kNewest : request.sort;
  return asked;
}

// What the token of a page is good for.
PageBinding BindingOf(const Asked& asked, const SearchRequest& request) {
  return {.query = CanonicalText(asked.query),
          .sort = asked.sort,
          .seed = request.seed,
          .similar_to = request.similar_to,
          .collapse = request.collapse,
          .stemming = request.stemming};
}

// Refers to `asked`.
absl::StatusOr<ExecuteRequest> ExecuteRequestOf(const Asked& asked, const Principal& who,
                                                const SearchRequest& request) {
  ExecuteRequest execute{.query = asked.query,
                         .viewer = ViewerOf(who),
                         .sort = asked.sort,
                         .seed = request.seed,
                         .similar_to = request.similar_to,
                         .after = std::nullopt,
                         .limit = asked.limit,
                         .exact_total = request.exact_total,
                         .collapse = request.collapse,
                         .explain = request.explain,
                         .facets = request.facets,
                         .stemming = request.stemming};
  if (!request.page_token.empty()) {
    SR_ASSIGN_OR_RETURN(execute.after,
                        DecodePageToken(request.page_token, BindingOf(asked, request)));
  }
  return execute;
}

// Whether the page that is asked for is fit for a reaction, however it is found.
bool IsCheapToShow(const Asked& asked, const SearchRequest& request) {
  if (request.fetch != Fetch::kIds && asked.limit > kCheapToRead) return false;
  if (request.fetch == Fetch::kImages && asked.limit > kCheapToDecode) return false;
  return !request.highlight || asked.limit <= kCheapToHighlight;
}

// Null: the file of the documents is damaged there.
std::shared_ptr<const Image> ImageOf(const DocumentView& view) {
  absl::StatusOr<Image> image = DecodeImage(view.image);
  return image.ok() ? std::make_shared<const Image>(*std::move(image)) : nullptr;
}

// False: it can not be shown, as the file of the documents is damaged there.
bool Fill(const Snapshot& snapshot, const Asked& asked, const SearchRequest& request,
          const ExecuteHit& found, SearchHit& hit) {
  hit.id = snapshot.segments[found.place.segment].segment->id(found.place.doc);
  hit.score = found.score;
  hit.collapsed = found.collapsed;
  if (request.fetch == Fetch::kIds && !request.highlight) return true;
  const DocumentView view = snapshot.Read(found.place);
  if (view.damaged) return false;
  if (request.fetch == Fetch::kWireBasic) hit.wire = view.wire_basic;
  if (request.fetch == Fetch::kWireFull) hit.wire = view.wire_full;
  if (request.fetch != Fetch::kImages && !request.highlight) return true;
  std::shared_ptr<const Image> image = ImageOf(view);
  if (image == nullptr) return false;
  if (request.highlight) hit.highlights = HighlightsOf(*image, asked.query, request.stemming);
  if (request.fetch == Fetch::kImages) hit.image = std::move(image);
  return true;
}

struct CorrectableWord {
  QueryWord word;
  int typos = 0;
};

// Parts of phrases are left alone.
std::vector<CorrectableWord> CorrectableWords(const Query& query) {
  const std::vector<QueryWord> words = PositiveWords(query);
  std::vector<CorrectableWord> correctable;
  for (size_t i = 0; i < words.size() && correctable.size() < kMostCorrected; ++i) {
    const bool is_part =
        words[i].index > 0 || (i + 1 < words.size() && words[i + 1].leaf == words[i].leaf);
    const size_t letters = Utf8Length(words[i].word);
    if (is_part || letters < kCorrectedFrom || letters > kLongestCorrected) continue;
    correctable.push_back({words[i], letters < kTwoTyposFrom ? 1 : 2});
  }
  return correctable;
}

std::string DidYouMean(const IndexState& state, const Viewer& viewer, const Query& query,
                       std::string_view text) {
  std::vector<WordChange> changes;
  for (const auto& [word, typos] : CorrectableWords(query)) {
    std::optional<std::string> better = state.suggestions->Correct(viewer, word.word, typos);
    if (better) changes.push_back({word, *std::move(better)});
  }
  return changes.empty() ? "" : ReplaceWords(text, query, changes);
}

// Whether a word that nobody has is to be corrected, if nothing is found.
bool MayCorrect(const Snapshot& snapshot, const Query& query) {
  const std::vector<CorrectableWord> words = CorrectableWords(query);
  return std::any_of(words.begin(), words.end(), [&](const CorrectableWord& correctable) {
    return std::none_of(
        snapshot.segments.begin(), snapshot.segments.end(), [&](const SegmentState& state) {
          const auto [first, last] = state.segment->TermsWithPrefix(correctable.word.word);
          return first < last;
        });
  });
}

SearchResult ResultOf(const IndexState& state, std::shared_ptr<const Snapshot> snapshot,
                      const Asked& asked, const Principal& who, const SearchRequest& request,
                      ExecuteResult found) {
  state.metrics.searches.Add();
  SearchResult result;
  result.hits.reserve(found.hits.size());
  for (const ExecuteHit& one : found.hits) {
    SearchHit hit;
    if (Fill(*snapshot, asked, request, one, hit)) result.hits.push_back(std::move(hit));
  }
  if (found.next) result.next_page_token = EncodePageToken(*found.next, BindingOf(asked, request));
  result.total = found.total;
  result.total_is_exact = found.total_is_exact;
  result.facets = std::move(found.facets);
  result.explanation = std::move(found.explanation);
  if (found.hits.empty() && request.page_token.empty()) {
    result.did_you_mean =
        DidYouMean(state, ViewerOf(who), asked.query,
                   request.parsed == nullptr ? std::string_view(request.query) : "");
  }
  result.pin = std::move(snapshot);
  return result;
}

absl::Status CheckMayCompare(const Principal& who, const std::string& id, const Snapshot& snapshot,
                             std::optional<Snapshot::Place> place) {
  const std::shared_ptr<const Image> image = place ? ImageOf(snapshot.Read(*place)) : nullptr;
  if (image == nullptr || !MayRead(who, *image)) return NoSuchImage(id);
  if (image->state == ImageState::kReady) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "image " + id + " has not been processed, so nothing is known of its looks",
                    {.reason = "IMAGE_NOT_READY"});
}

}  // namespace

std::shared_ptr<const Image> FindReady(const IndexState& state, const std::string& id) {
  const std::shared_ptr<const Snapshot> snapshot = state.cell.Load();
  const auto place = snapshot->Find(id);
  if (!place || !snapshot->segments[place->segment].ready.Test(place->doc)) return nullptr;
  return ImageOf(snapshot->Read(*place));
}

absl::StatusOr<SearchResult> SearchImages(const IndexState& state, const Principal& who,
                                          const SearchRequest& request) {
  SR_ASSIGN_OR_RETURN(const Asked asked, Understand(request));
  SR_ASSIGN_OR_RETURN(const ExecuteRequest execute, ExecuteRequestOf(asked, who, request));
  std::shared_ptr<const Snapshot> snapshot = state.cell.Load();
  SR_ASSIGN_OR_RETURN(ExecuteResult found, Execute(*snapshot, execute));
  return ResultOf(state, std::move(snapshot), asked, who, request, std::move(found));
}

std::optional<absl::StatusOr<SearchResult>> SearchImagesIfCheap(const IndexState& state,
                                                                const Principal& who,
                                                                const SearchRequest& request) {
  const absl::StatusOr<Asked> asked = Understand(request);
  if (!asked.ok()) return asked.status();
  if (!IsCheapToShow(*asked, request)) return std::nullopt;
  const absl::StatusOr<ExecuteRequest> execute = ExecuteRequestOf(*asked, who, request);
  if (!execute.ok()) return execute.status();
  std::shared_ptr<const Snapshot> snapshot = state.cell.Load();
  std::optional<absl::StatusOr<ExecuteResult>> found = ExecuteIfCheap(*snapshot, *execute);
  if (!found) return std::nullopt;
  if (!found->ok()) return found->status();
  if ((*found)->hits.empty() && request.page_token.empty() && MayCorrect(*snapshot, asked->query)) {
    return std::nullopt;
  }
  return ResultOf(state, std::move(snapshot), *asked, who, request, **std::move(found));
}

absl::StatusOr<std::vector<Suggestion>> SuggestTerms(const IndexState& state, const Principal& who,
                                                     const std::string& prefix, int limit) {
  SR_ASSIGN_OR_RETURN(const size_t most,
                      LimitOf("limit", limit, kDefaultSuggestions, kMostSuggestions));
  if (prefix.size() > kLongestPrefix) {
    return InvalidField("prefix", "at most " + std::to_string(kLongestPrefix) + " bytes");
  }
  state.metrics.suggestions.Add();
  return state.suggestions->Complete(ViewerOf(who), prefix, most);
}

absl::StatusOr<std::vector<SimilarImage>> FindSimilarImages(const IndexState& state,
                                                            const Principal& who,
                                                            const std::string& id, int limit) {
  SR_ASSIGN_OR_RETURN(const size_t most,
                      LimitOf("page_size", limit, kDefaultSimilar, kMostSimilar));
  const std::shared_ptr<const Snapshot> snapshot = state.cell.Load();
  const auto place = snapshot->Find(id);
  SR_RETURN_IF_ERROR(CheckMayCompare(who, id, *snapshot, place));
  state.metrics.similar.Add();
  std::vector<SimilarImage> images;
  for (const SimilarPlace& near : ScanSimilar(*snapshot, ViewerOf(who), *place, most)) {
    std::shared_ptr<const Image> image = ImageOf(snapshot->Read(near.place));
    if (image != nullptr) images.push_back({std::move(image), near.distance});
  }
  return images;
}

}  // namespace stockroom::api
