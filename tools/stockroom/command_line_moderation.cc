#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {
namespace {

CLI::App& AddAction(CLI::App& parent, Invocation& to, const std::string& name,
                    const std::string& action, const std::string& help) {
  CLI::App& app = *parent.add_subcommand(name, help);
  app.footer(kModerationExamples);
  app.parse_complete_callback([&to, action] { to.moderation.action = action; });
  return app;
}

void AddLimit(CLI::App& app, ModerationArgs& args) {
  app.add_option("-n,--limit", args.limit, "most rows to show (50)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("N");
  app.add_flag_callback(
      "--all", [&args] { args.limit = 0; }, "every one, page after page");
}

void AddHashes(CLI::App& moderation, Invocation& to) {
  CLI::App& app = *moderation.add_subcommand("hashes", "The block list");
  app.footer(kModerationExamples);
  app.require_subcommand(1);
  app.fallthrough();
  ModerationArgs& args = to.moderation;
  const auto hashes = [&](CLI::App& action) {
    action.add_option("hash", args.hashes, "PDQ, 64 hexadecimal digits; several may be given")
        ->required()
        ->type_name("HASH");
  };
  const auto label = [&](CLI::App& action) {
    Text(action, "--label", "the list that they are from", "TEXT",
         [&args](const std::string& v) { args.label = v; });
  };
  CLI::App& add = AddAction(app, to, "add", "hashes add", "Put hashes on the list");
  hashes(add);
  add.add_option("--threshold", args.threshold, "bits in which pictures may differ (31)")
      ->check(CLI::Range(0, 64))
      ->type_name("N");
  label(add);
  Text(add, "--note", "for people", "TEXT", [&args](const std::string& v) { args.note = v; });
  hashes(AddAction(app, to, "remove", "hashes remove", "Take hashes off the list"));
  CLI::App& import = AddAction(app, to, "import", "hashes import",
                               "Put the hashes of a file on the list: hash[,threshold][,note]");
  import.add_option("file", args.file, "- for standard input")->required()->type_name("FILE");
  label(import);
  AddAction(app, to, "export", "hashes export", "The list as such a file");
}

}  // namespace

void AddModeration(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("moderation", "Decide what is hidden; the block list");
  app.footer(kModerationExamples);
  app.require_subcommand(1);
  app.fallthrough();
  ModerationArgs& args = to.moderation;

  CLI::App& list = AddAction(app, to, "list", "list", "Images that wait for a decision");
  list.add_flag("--rejected", args.rejected, "those that were rejected");
  AddLimit(list, args);

  const auto decide = [&](const char* name, const char* help) {
    CLI::App& action = AddAction(app, to, name, name, help);
    action.add_option("id", args.id, "the image")->required()->type_name("ID");
    Text(action, "--reason", "for the trail, and unless approved for the owner", "TEXT",
         [&args](const std::string& v) { args.reason = v; });
  };
  decide("approve", "Show an image");
  decide("reject", "Refuse an image");
  decide("reopen", "Hide an image until somebody decides");

  CLI::App& log = AddAction(app, to, "log", "log", "What was decided, by whom and why");
  log.add_option("id", args.id, "only about this image")->type_name("ID");
  AddLimit(log, args);
  AddHashes(app, to);
}

}  // namespace stockroom::cli
