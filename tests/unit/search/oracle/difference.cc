#include "tests/unit/search/oracle/difference.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "services/api/search/text/text_fold.h"
#include "tests/unit/search/oracle/naive_order.h"

namespace stockroom::api {
namespace {

std::string Ids(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += " " + id;
  return text.empty() ? " none" : text;
}

std::string TextOf(const Facet& facet) {
  std::string text;
  for (const FacetValue& value : facet) {
    text += " \"" + value.value + "\"=" + std::to_string(value.count);
  }
  return text.empty() ? " none" : text;
}

// All pages' hits in a row, what belongs to a page checked on the way.
struct AllPages {
  std::vector<SearchHit> hits;
  std::vector<std::shared_ptr<const void>> pins;
  std::string problem;
  std::optional<absl::Status> refused;
};

// The index's facet with tags folded, as the naive one has them: it shows one of their spellings.
Facet Folded(Facet facet, FacetField field) {
  if (field == FacetField::kTag) {
    for (FacetValue& value : facet) value.value = FoldLine(value.value);
  }
  return facet;
}

std::string PageProblem(const SearchResult& page, const SearchRequest& request,
                        const std::vector<const NaiveEntry*>& matches, size_t seen) {
  const auto expected = static_cast<int64_t>(matches.size());
  if (request.exact_total && !page.total_is_exact) return "an exact total was asked for";
  if (page.total_is_exact && page.total != expected) {
    return "total " + std::to_string(page.total) + ", not " + std::to_string(expected);
  }
  if (page.total < static_cast<int64_t>(page.hits.size())) {
    return "a total of " + std::to_string(page.total) + " with " + std::to_string(seen) + " hits";
  }
  if (page.hits.size() > static_cast<size_t>(request.page_size)) return "too many hits on a page";
  if (page.facets.size() != request.facets.size()) return "not the facets asked for";
  for (size_t i = 0; i < page.facets.size(); ++i) {
    const Facet wanted = NaiveIndex::FacetOf(matches, request.facets[i]);
    const Facet got = Folded(page.facets[i], request.facets[i]);
    if (got != wanted) {
      return "facet " + std::to_string(static_cast<int>(request.facets[i])) + TextOf(got) +
             ", not" + TextOf(wanted);
    }
  }
  if (!page.did_you_mean.empty() && expected > 0) return "did you mean, although it was found";
  if (page.explanation.empty() == request.explain) return "explained or not, as not asked for";
  return "";
}

AllPages Collect(const SearchIndex& index, const Question& q,
                 const std::vector<const NaiveEntry*>& matches) {
  AllPages all;
  SearchRequest request = q.request;
  while (true) {
    auto page = index.Search(q.who, request);
    if (!page.ok()) {
      all.refused = page.status();
      return all;
    }
    const size_t seen = all.hits.size() + page->hits.size();
    all.problem = PageProblem(*page, request, matches, seen);
    if (!all.problem.empty()) return all;
    all.pins.push_back(page->pin);
    std::move(page->hits.begin(), page->hits.end(), std::back_inserter(all.hits));
    if (page->next_page_token.empty()) return all;
    if (seen > matches.size() || page->hits.empty()) {
      all.problem = "pages without end";
      return all;
    }
    request.page_token = page->next_page_token;
  }
}

std::string HitProblem(const SearchHit& hit, const NaiveEntry& entry,
                       const SearchRequest& request) {
  const WireEncoder encoder = TestEncoder();
  switch (request.fetch) {
    case Fetch::kIds:
      if (hit.image != nullptr || !hit.wire.empty()) return "more than the id of " + hit.id;
      break;
    case Fetch::kWireBasic:
      if (hit.wire != encoder.basic(entry.image)) return "wrong bytes of " + hit.id;
      break;
    case Fetch::kWireFull:
      if (hit.wire != encoder.basic(entry.image) + encoder.rest(entry.image)) {
        return "wrong bytes of " + hit.id;
      }
      break;
    case Fetch::kImages:
      if (hit.image == nullptr || *hit.image != entry.image) return "not the image " + hit.id;
      break;
  }
  for (const Highlight& highlight : hit.highlights) {
    uint32_t end = 0;
    for (const auto& [from, to] : highlight.ranges) {
      if (from < end || to <= from || to > highlight.text.size()) return "ranges out of order";
      end = to;
    }
  }
  if (!request.highlight && !hit.highlights.empty()) return "highlights nobody asked for";
  if (!std::isfinite(hit.score)) return "a score that is no number";
  return "";
}

std::string RefusalDifference(const absl::Status& got, const absl::Status& wanted) {
  if (got.code() == wanted.code()) return "";
  return "answered " + got.ToString() + ", not " + wanted.ToString();
}

std::string HitsDifference(const std::vector<SearchHit>& hits,
                           const std::vector<const NaiveEntry*>& matches, const NaiveIndex& truth,
                           const NaiveOrder& order, const SearchRequest& request) {
  const std::string problem = order.Problem(matches, hits);
  if (!problem.empty()) {
    std::vector<std::string> got;
    for (const SearchHit& hit : hits) got.push_back(hit.id);
    std::vector<std::string> wanted;
    for (const NaiveEntry* entry : matches) wanted.push_back(entry->image.id);
    return problem + "\n  got     " + Ids(got) + "\n  matches " + Ids(wanted);
  }
  for (const SearchHit& hit : hits) {
    std::string wrong = HitProblem(hit, *truth.Get(hit.id), request);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

Seen& SeenSoFar() {
  thread_local Seen seen;
  return seen;
}

WireEncoder TestEncoder() {
  return {.basic =
              [](const Image& image) {
                return image.id + "|" + std::to_string(image.revision) + "|" +
                       image.described.title;
              },
          .rest =
              [](const Image& image) {
                std::string all;
                for (const auto& [name, result] : image.analysis) all += "|" + name + result;
                return all;
              }};
}

std::string SearchDifference(const SearchIndex& index, const NaiveIndex& truth, const Question& q) {
  const auto found = truth.Find(q.who, q.query, q.request.typos, q.request.stemming);
  Seen& seen = SeenSoFar();
  if (found.doubtful) {
    ++seen.doubtful;
    return "";
  }
  ++seen.searches;
  const auto order = NaiveOrder::Of(truth, q.who, q.query, q.request);
  if (!order.ok()) {
    ++seen.refused;
    return RefusalDifference(index.Search(q.who, q.request).status(), order.status());
  }
  const AllPages all = Collect(index, q, found.entries);
  if (all.refused) return "refused: " + all.refused->ToString();
  if (!all.problem.empty()) return all.problem;
  seen.found += found.entries.empty() ? 0 : 1;
  seen.hits += all.hits.size();
  return HitsDifference(all.hits, found.entries, truth, *order, q.request);
}

std::string AnswerDifference(const absl::StatusOr<SearchResult>& answer, const NaiveIndex& truth,
                             const Question& q) {
  const auto found = truth.Find(q.who, q.query, q.request.typos, q.request.stemming);
  if (found.doubtful) return "";
  const auto order = NaiveOrder::Of(truth, q.who, q.query, q.request);
  if (!order.ok()) return RefusalDifference(answer.status(), order.status());
  if (!answer.ok()) return "refused: " + answer.status().ToString();
  std::string problem = PageProblem(*answer, q.request, found.entries, answer->hits.size());
  if (!problem.empty()) return problem;
  return HitsDifference(answer->hits, found.entries, truth, *order, q.request);
}

std::string ApplyToBoth(SearchIndex& index, NaiveIndex& truth, const Edit& edit) {
  index.Apply(edit.changed, edit.deleted);
  truth.Apply(edit.changed, edit.deleted);
  if (!edit.popularity.empty()) {
    index.SetPopularity(edit.popularity);
    truth.SetPopularity(edit.popularity);
  }
  if (!edit.keep_only) return "";
  std::vector<std::string> gone = index.KeepOnly(*edit.keep_only);
  std::vector<std::string> wanted = truth.KeepOnly(*edit.keep_only);
  std::sort(gone.begin(), gone.end());
  std::sort(wanted.begin(), wanted.end());
  return gone == wanted ? "" : "KeepOnly took out" + Ids(gone) + ", not" + Ids(wanted);
}

std::string PagingDifference(SearchIndex& index, NaiveIndex& truth, const Question& q,
                             const std::vector<Edit>& edits) {
  SearchRequest request = q.request;
  request.facets.clear();
  const auto order = NaiveOrder::Of(truth, q.who, q.query, request);
  if (!order.ok()) return "";
  // By id as of each state; an image that is missing once is out.
  using Matches = std::map<std::string, NaiveEntry>;
  const auto matches = [&] {
    Matches now;
    for (const NaiveEntry* entry :
         truth.Find(q.who, q.query, request.typos, request.stemming).entries) {
      now.emplace(entry->image.id, *entry);
    }
    return now;
  };
  Matches steady = matches();
  std::set<std::string> ever;
  for (const auto& [id, entry] : steady) ever.insert(id);
  std::map<std::string, int> times;
  for (size_t page_number = 0;; ++page_number) {
    const auto page = index.Search(q.who, request);
    if (!page.ok()) {
      // The image that it is ordered by may have been taken away meanwhile.
      return NaiveOrder::Of(truth, q.who, q.query, request).ok()
                 ? "refused page " + std::to_string(page_number) + ": " + page.status().ToString()
                 : "";
    }
    for (const SearchHit& hit : page->hits) ++times[hit.id];
    if (page->next_page_token.empty()) break;
    if (page_number > ever.size() + 2) return "pages without end";
    request.page_token = page->next_page_token;
    if (page_number >= edits.size()) continue;
    const std::string problem = ApplyToBoth(index, truth, edits[page_number]);
    if (!problem.empty()) return problem;
    const Matches now = matches();
    for (const auto& [id, entry] : now) ever.insert(id);
    std::erase_if(steady, [&](const auto& item) {
      const auto it = now.find(item.first);
      return it == now.end() || it->second.image.revision != item.second.image.revision ||
             it->second.popularity != item.second.popularity;
    });
  }
  for (const auto& [id, count] : times) {
    if (!ever.contains(id)) return id + " was found and never matched";
    if (count > 1 && (steady.contains(id) || !NaiveOrder::CanMove(request.sort))) {
      return id + " came " + std::to_string(count) + " times";
    }
  }
  for (const auto& [id, entry] : steady) {
    if (times[id] != 1) return id + " came " + std::to_string(times[id]) + " times";
  }
  return "";
}

}  // namespace stockroom::api
