// list, search, show: reading the catalogue.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int64_t kPage = 200;

int32_t PageSize(int64_t limit, int64_t shown) {
  return static_cast<int32_t>(limit == 0 ? kPage : std::min(kPage, limit - shown));
}

// Standard output broke: a reader that went away is no failure, a full disk is.
int Ended(const Program& program) {
  if (program.out.error().ok()) return kExitOk;
  program.out.Error(std::string(program.out.error().message()));
  return kExitFailed;
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

}  // namespace

int RunList(const Program& program, Client& client, const ListArgs& args) {
  ImageTable table(program.out, /*with_state=*/true);
  v1::ListImagesRequest request;
  int64_t shown = 0;
  do {
    request.set_page_size(PageSize(args.limit, shown));
    const absl::StatusOr<v1::ListImagesResponse> page = client.List(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::Image& image : page->images()) table.Add(image);
    table.Flush();
    shown += page->images_size();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (args.limit == 0 || shown < args.limit) &&
           !program.out.closed() && program.out.error().ok());
  if (!program.out.json()) {
    if (shown == 0) program.out.Note("no images yet; stockroom upload FOLDER brings some in");
    if (!request.page_token().empty() && !program.out.closed()) {
      program.out.Note(
          absl::StrCat("there are more than these ", shown, "; --limit N shows more, --all all"));
    }
  }
  return Ended(program);
}

int RunSearch(const Program& program, Client& client, const SearchArgs& args) {
  ImageTable table(program.out, /*with_state=*/false);
  v1::SearchImagesRequest request;
  request.set_q(args.query);
  request.set_at_least_position(args.at_least_position);
  for (const std::string& facet : args.facets) request.add_facets(facet);
  v1::SearchImagesResponse facets;
  int64_t shown = 0;
  int64_t total = 0;
  do {
    request.set_page_size(PageSize(args.limit, shown));
    const absl::StatusOr<v1::SearchImagesResponse> page = client.Search(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::Image& image : page->images()) table.Add(image);
    table.Flush();
    shown += page->images_size();
    total = page->total();
    if (page->facets_size() > 0) *facets.mutable_facets() = page->facets();
    // They are of the whole result: counting them for every page would tell nothing new.
    request.clear_facets();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (args.limit == 0 || shown < args.limit) &&
           !program.out.closed() && program.out.error().ok());
  if (!args.facets.empty()) PrintFacets(program.out, facets);
  if (!program.out.json() && !program.out.closed()) {
    if (total == 0) {
      program.out.Note("nothing matches; stockroom search --help explains the query language");
    } else if (shown < total) {
      program.out.Note(absl::StrCat(HumanCount(shown), " of ", HumanCount(total),
                                    " found; --limit N shows more, --all all"));
    } else {
      program.out.Note(absl::StrCat(HumanCount(total), " found"));
    }
  }
  return Ended(program);
}

int RunShow(const Program& program, Client& client, const ShowArgs& args) {
  std::vector<ExitCode> codes;
  for (const std::string& id : args.ids) {
    if (program.stop->cancelled()) break;
    const absl::StatusOr<v1::Image> image = client.Get(id);
    codes.push_back(ExitCodeOf(image.status()));
    if (!image.ok()) {
      program.Fail(image.status());
    } else if (program.out.json()) {
      program.out.Json(ToJson(*image));
    } else {
      if (codes.size() > 1) program.out.Line("");
      PrintImage(program.out, *image, program.settings.gateway);
    }
  }
  const int code = CombinedExitCode(codes);
  return code == kExitOk ? Ended(program) : code;
}

}  // namespace stockroom::cli
