// search: what matches, and what there is to tell about it.
#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int64_t kPage = 200;

v1::SearchImagesRequest RequestOf(const SearchArgs& args) {
  v1::SearchImagesRequest request;
  request.set_q(args.query);
  request.set_at_least_position(args.at_least_position);
  for (const std::string& facet : args.facets) request.add_facets(facet);
  request.set_order(args.order);
  if (args.order == v1::SEARCH_ORDER_UNSPECIFIED) {
    if (!args.similar_to.empty()) request.set_order(v1::MOST_SIMILAR);
    if (args.seed) request.set_order(v1::RANDOM);
  }
  if (request.order() == v1::RANDOM) {
    request.set_seed(args.seed ? *args.seed : std::random_device()());
  }
  request.set_similar_to(args.similar_to);
  request.set_exact_total(args.exact_total);
  request.set_collapse_similar(args.collapse);
  request.set_highlight(args.highlight);
  request.set_explain(args.explain);
  request.set_ids_only(args.ids_only);
  request.set_typos(args.typos);
  request.set_stemming(args.stemming);
  return request;
}

// A line a value: field, value, images.
void PrintFacets(Output& out, const v1::SearchImagesResponse& answer) {
  if (out.json()) {
    nlohmann::ordered_json facets = nlohmann::ordered_json::array();
    for (const v1::Facet& facet : answer.facets()) facets.push_back(ToJson(facet));
    return out.Json({{"type", "facets"}, {"facets", std::move(facets)}});
  }
  Table table(out, {{.title = "FIELD", .min_width = 11},
                    {.title = "VALUE", .min_width = 12, .flexible = true},
                    {.title = "IMAGES", .min_width = 6, .right = true}});
  for (const v1::Facet& facet : answer.facets()) {
    for (const v1::FacetValue& value : facet.values()) {
      table.Add({facet.field(), value.value(), absl::StrCat(value.count())});
    }
  }
  table.Flush();
}

void PrintExplanation(Output& out, const v1::SearchImagesResponse& answer) {
  if (out.json()) {
    return out.Json({{"type", "explanation"},
                     {"canonicalQuery", answer.canonical_query()},
                     {"parsedQuery", ToJson(answer.parsed_query())},
                     {"explanation", answer.explanation()}});
  }
  out.Line(absl::StrCat("understood as: ", answer.canonical_query().empty()
                                               ? "everything"
                                               : OneLine(answer.canonical_query())));
  const std::string text = answer.explanation();
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    // Its steps are indented.
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    out.Line(absl::StrCat("  ", line.substr(0, indent),
                          OneLine({line.data() + indent, line.size() - indent})));
  }
}

// Byte positions of the characters' beginnings, and the end.
std::vector<size_t> CharactersOf(std::string_view text) {
  std::vector<size_t> at;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) at.push_back(i);
  }
  at.push_back(text.size());
  return at;
}

// What matches in bold, where there are no colours in brackets.
std::string Marked(const Output& out, const v1::Highlight& highlight) {
  const std::string_view text = highlight.text();
  const std::vector<size_t> at = CharactersOf(text);
  const auto byte = [&](int character) {
    return at[std::min(static_cast<size_t>(std::max(character, 0)), at.size() - 1)];
  };
  std::string marked;
  size_t done = 0;
  for (const v1::Highlight::Range& range : highlight.ranges()) {
    const size_t begin = std::max(byte(range.begin()), done);
    const size_t end = std::max(byte(range.end()), begin);
    absl::StrAppend(&marked, OneLine(text.substr(done, begin - done)));
    const std::string match = OneLine(text.substr(begin, end - begin));
    absl::StrAppend(&marked, out.options().colour ? out.Paint(Style::kBold, match)
                                                  : absl::StrCat("[", match, "]"));
    done = end;
  }
  return marked + OneLine(text.substr(done));
}

void PrintHighlights(Output& out, const v1::SearchHit& hit) {
  for (const v1::Highlight& highlight : hit.highlights()) {
    out.Line(absl::StrCat("    ", OneLine(highlight.field()), ": ", Marked(out, highlight)));
  }
}

class Results {
 public:
  Results(const Program& program, const SearchArgs& args)
      : out_(program.out),
        args_(args),
        table_(program.out,
               args.collapse ? ImageTable::Extra::kSimilar : ImageTable::Extra::kNone) {}

  // How many there were.
  int Add(const v1::SearchImagesResponse& page) {
    if (args_.ids_only) {
      for (const v1::SearchHit& hit : page.hits()) {
        out_.json() ? out_.Json(ToJson(hit)) : out_.Line(OneLine(hit.id()));
      }
      return page.hits_size();
    }
    for (int i = 0; i < page.images_size(); ++i) {
      const v1::SearchHit* hit = i < page.hits_size() ? &page.hits(i) : nullptr;
      table_.Add(page.images(i), hit);
      if (!args_.highlight || hit == nullptr || out_.json()) continue;
      table_.Flush();
      PrintHighlights(out_, *hit);
    }
    table_.Flush();
    return page.images_size();
  }

 private:
  Output& out_;
  const SearchArgs& args_;
  ImageTable table_;
};

void TellWhatWasFound(Output& out, const v1::SearchImagesRequest& last,
                      const v1::SearchImagesResponse& first, int64_t shown) {
  if (first.total() == 0 && shown == 0) {
    out.Note(first.did_you_mean().empty()
                 ? "nothing matches; stockroom search --help explains the query language"
                 : absl::StrCat("nothing matches; did you mean: ", OneLine(first.did_you_mean())));
    return;
  }
  const std::string total =
      absl::StrCat(first.total_is_estimate() ? "about " : "", HumanCount(first.total()));
  const bool behind = !last.collapse_similar() && shown < first.total();
  if (!last.page_token().empty() || behind) {
    out.Note(
        absl::StrCat(HumanCount(shown), " of ", total, " found; --limit N shows more, --all all"));
  } else if (last.collapse_similar()) {
    out.Note(absl::StrCat(total, " found, ", HumanCount(shown), " without near duplicates"));
  } else {
    out.Note(absl::StrCat(total, " found"));
  }
  if (last.order() == v1::RANDOM) {
    out.Note(absl::StrCat("--seed ", last.seed(), " gives this order again"));
  }
}

}  // namespace

int32_t PageSize(int64_t limit, int64_t shown) {
  return static_cast<int32_t>(limit == 0 ? kPage : std::min(kPage, limit - shown));
}

int RunSearch(const Program& program, Client& client, const SearchArgs& args) {
  v1::SearchImagesRequest request = RequestOf(args);
  Results results(program, args);
  // But for its images: totals, facets and the explanation are of the whole result.
  v1::SearchImagesResponse first;
  int64_t shown = 0;
  bool is_first = true;
  do {
    request.set_page_size(PageSize(args.limit, shown));
    absl::StatusOr<v1::SearchImagesResponse> page = client.Search(request);
    if (!page.ok()) return program.Fail(page.status());
    shown += results.Add(*page);
    request.set_page_token(page->next_page_token());
    if (!std::exchange(is_first, false)) continue;
    first.Swap(&*page);
    request.clear_facets();
    request.clear_explain();
    request.clear_exact_total();
  } while (!request.page_token().empty() && (args.limit == 0 || shown < args.limit) &&
           !program.out.closed() && program.out.error().ok());
  if (!args.facets.empty()) PrintFacets(program.out, first);
  if (args.explain) PrintExplanation(program.out, first);
  if (program.out.json()) {
    if (!first.did_you_mean().empty()) {
      program.out.Json({{"type", "did_you_mean"}, {"query", first.did_you_mean()}});
    }
  } else if (!program.out.closed()) {
    TellWhatWasFound(program.out, request, first, shown);
  }
  return program.Ended();
}

}  // namespace stockroom::cli
