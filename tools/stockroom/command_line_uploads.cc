#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {

void AddUploads(CLI::App& root, Invocation& to) {
  static const std::vector<std::string> kActions = {"list", "abort"};
  CLI::App& app = *root.add_subcommand("uploads", "Direct uploads under way: list, abort");
  app.footer(kUploadsExamples);
  Text(app, "action", "list or abort", "ACTION",
       [&](const std::string& v) { to.uploads.action = v; })
      ->required()
      ->check(OneOf(kActions));
  Many(app, "id", "uploads to abort", "ID", [&](const std::string& v) {
    to.uploads.ids.push_back(v);
  })->expected(-1);

  CLI::App& url = *root.add_subcommand("original-url", "A signed URL of an image's original");
  url.footer(kOriginalUrlExamples);
  url.add_option("id", to.original_url.id, "the image")->required()->type_name("ID");
  Text(url, "--expires", "how long it works (1h)", "TIME", [&](const std::string& v) {
    absl::ParseDuration(v, &to.original_url.lifetime);
  })->check(DurationText());
}

}  // namespace stockroom::cli
