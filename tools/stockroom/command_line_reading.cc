#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {

void AddReading(CLI::App& root, Invocation& to) {
  CLI::App& suggest = *root.add_subcommand("suggest", "Complete a word, tag or camera");
  suggest.footer(kSuggestExamples);
  Text(suggest, "prefix", "its beginning; without one the most frequent tags", "PREFIX",
       [&](const std::string& v) { to.suggest.prefix = v; });
  suggest.add_option("-n,--limit", to.suggest.limit, "most suggestions (10)")
      ->check(CLI::Range(1, 50))
      ->type_name("N");

  CLI::App& similar = *root.add_subcommand("similar", "Images that look like one");
  similar.footer(kSimilarExamples);
  similar.add_option("id", to.similar.id, "the image")->required()->type_name("ID");
  similar.add_option("-n,--limit", to.similar.limit, "most images (20)")
      ->check(CLI::Range(1, 100))
      ->type_name("N");

  CLI::App& list = *root.add_subcommand("list", "All images, newest first");
  list.footer(kListExamples);
  AddLimit(list, to.list);

  CLI::App& show = *root.add_subcommand("show", "Everything about an image");
  show.footer(kShowExamples);
  show.add_option("id", to.show.ids, "one or more images")->required()->type_name("ID");

  CLI::App& get = *root.add_subcommand("get", "Fetch an original or a rendition");
  get.footer(kGetExamples);
  get.add_option("id", to.get.id, "the image")->required()->type_name("ID");
  CLI::Option* preset = Text(get, "-p,--preset", "a rendition, for example thumb-320", "NAME",
                             [&](const std::string& v) { to.get.preset = v; });
  CLI::Option* recipe =
      Text(get, "-r,--recipe", "what to make of it, for example fit=720x0/q=70.webp", "RECIPE",
           [&](const std::string& v) { to.get.recipe = v; })
          ->excludes(preset);
  get.add_flag_callback(
         "--original", [] {}, "the original (as without --preset)")
      ->excludes(preset)
      ->excludes(recipe);
  Text(get, "-o,--output", "file, folder, or - for standard output", "FILE",
       [&](const std::string& v) { to.get.output = v; });
  get.add_flag("-f,--force", to.get.force, "replace a file that is there");

  CLI::App& info = *root.add_subcommand("info", "What is known of a picture, as JSON");
  info.add_option("id", to.info.id, "the image")->required()->type_name("ID");
}

}  // namespace stockroom::cli
