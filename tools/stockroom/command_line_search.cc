#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {
namespace {

v1::SearchOrder OrderOf(const std::string& name) {
  if (name == "relevance") return v1::RELEVANCE;
  if (name == "popular") return v1::POPULAR;
  if (name == "largest") return v1::LARGEST;
  if (name == "similar") return v1::MOST_SIMILAR;
  return name == "random" ? v1::RANDOM : v1::NEWEST;
}

// What comes first, and what stands for what.
void AddOrder(CLI::App& app, SearchArgs& args) {
  Text(app, "--order", "relevance, newest, popular, largest, similar or random (newest)", "ORDER",
       [&](const std::string& v) { args.order = OrderOf(v); })
      ->check(OneOf(kOrders));
  CLI::Option* seed = app.add_option_function<uint64_t>(
                             "--seed", [&](uint64_t v) { args.seed = v; },
                             "in the random order that this number gives")
                          ->check(CLI::NonNegativeNumber)
                          ->type_name("N");
  Text(app, "--similar-to", "what looks most like this image first", "ID",
       [&](const std::string& v) { args.similar_to = v; })
      ->excludes(seed);
  app.add_flag("--collapse", args.collapse, "of near duplicates only the best");
}

void AddFacets(CLI::App& app, SearchArgs& args) {
  Many(app, "--facet",
       "count what is found by tag, format, license, year, camera, lens, color, orientation, "
       "dataset, owner or state; may be given several times",
       "FIELD", [&](const std::string& v) { args.facets.push_back(v); });
  Text(app, "--facets", "several facets at once", "FIELD,...", [&](const std::string& v) {
    for (const absl::string_view name : absl::StrSplit(v, ',')) args.facets.emplace_back(name);
  });
}

}  // namespace

void AddSearch(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("search", "Find images");
  app.footer(kSearchExamples);
  SearchArgs& args = to.search;
  Many(app, "query", "words and filters; all must hold", "QUERY", [&](const std::string& v) {
    absl::StrAppend(&args.query, args.query.empty() ? "" : " ", v);
  })->expected(-1);
  AddLimit(app, args);
  AddOrder(app, args);
  AddFacets(app, args);
  app.add_option("--typos", args.typos, "letters of a longer word that may be wrong (0)")
      ->check(CLI::Range(0, 2))
      ->type_name("N");
  Text(app, "--stemming", "find other forms of words, too: english, german, ...", "LANGUAGE",
       [&](const std::string& v) { args.stemming = v; });
  app.add_flag("--ids", args.ids_only, "only the images' ids, one a line");
  app.add_flag("--highlight", args.highlight, "show where the text matches");
  app.add_flag("--exact-total", args.exact_total, "count every match instead of estimating");
  app.add_flag("--explain", args.explain, "show how the query was understood and answered");
  app.add_option("--at-least-position", args.at_least_position,
                 "wait until the index holds this feed position")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
}

}  // namespace stockroom::cli
