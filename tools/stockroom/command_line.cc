#include "tools/stockroom/command_line.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {
namespace {

const std::vector<std::string> kVisibilities = {"public", "unlisted", "private"};
const std::vector<std::string> kDirectWays = {"put", "tus"};
const std::vector<std::string> kShells = {"bash", "zsh", "fish"};

v1::Visibility VisibilityOf(const std::string& name) {
  if (name == "unlisted") return v1::UNLISTED;
  return name == "private" ? v1::PRIVATE : v1::PUBLIC;
}

std::pair<std::string, std::string> SplitPair(const std::string& text) {
  const size_t at = text.find('=');
  return {text.substr(0, at), text.substr(at + 1)};
}

void AddGlobals(CLI::App& app, Invocation& to) {
  PartialSettings& s = to.settings;
  Text(app, "--address", "gRPC address of an api, or several separated by commas", "HOST:PORT",
       [&](const std::string& v) { s.addresses = v; })
      ->group(kGlobalGroup);
  Text(app, "--gateway", "base URL of the REST gateway, for pictures", "URL",
       [&](const std::string& v) { s.gateway = v; })
      ->group(kGlobalGroup);
  app.add_flag_callback(
         "--tls", [&] { s.tls = true; }, "encrypt, and check the server's name")
      ->group(kGlobalGroup);
  Text(app, "--ca", "PEM file of the authorities to trust (implies --tls)", "FILE",
       [&](const std::string& v) { s.ca_file = v; })
      ->group(kGlobalGroup);
  Text(app, "--token-file", "file with the API key or token, or - for standard input", "FILE",
       [&](const std::string& v) { s.token_file = v; })
      ->group(kGlobalGroup);
  app.add_flag_callback(
         "--plaintext-key", [&] { s.plaintext_key = true; }, "let the API key travel unencrypted")
      ->group(kGlobalGroup);
  Text(app, "--timeout", "longest wait for one answer (30s)", "TIME", [&](const std::string& v) {
    s.timeout = v;
  })->group(kGlobalGroup);
  Text(app, "--config", "settings file (~/.config/stockroom/config.yaml)", "FILE",
       [&](const std::string& v) { to.config_path = v; })
      ->group(kGlobalGroup);
  app.add_flag("--json", to.json, "one JSON object a line")->group(kGlobalGroup);
  app.add_flag("-q,--quiet", to.quiet, "only results and errors")->group(kGlobalGroup);
  app.add_flag("-v,--verbose", to.verbose, "also what was skipped")->group(kGlobalGroup);
  app.add_flag("--no-color", to.no_color, "no colours (as NO_COLOR)")->group(kGlobalGroup);
}

void AddUpload(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("upload", "Put images in: files, folders, patterns, -");
  app.footer(kUploadExamples);
  UploadArgs& args = to.upload;
  Many(app, "files", "files, folders, quoted patterns, or - for standard input", "FILE",
       [&](const std::string& v) { args.names.push_back(v); })
      ->expected(-1)
      ->required();
  Text(app, "--title", "title of the image", "TEXT",
       [&](const std::string& v) { args.header.set_title(v); });
  Text(app, "--description", "description of the image", "TEXT",
       [&](const std::string& v) { args.header.set_description(v); });
  Many(app, "--tag", "tag; may be given several times", "TAG",
       [&](const std::string& v) { args.header.add_tags(v); });
  Text(app, "--license", "license, best an SPDX identifier", "TEXT",
       [&](const std::string& v) { args.header.set_license(v); });
  Many(app, "--attribute", "attribute; may be given several times", "KEY=VALUE",
       [&](const std::string& v) {
         const auto [key, value] = SplitPair(v);
         (*args.header.mutable_attributes())[key] = value;
       })
      ->check(KeyValue());
  Text(app, "--visibility", "public, unlisted or private", "WHO", [&](const std::string& v) {
    args.header.set_visibility(VisibilityOf(v));
  })->check(OneOf(kVisibilities));
  Text(app, "--name", "file name of what comes from standard input", "NAME",
       [&](const std::string& v) { args.stdin_name = v; });
  app.add_flag_callback(
      "--wait", [&] { args.header.set_wait(true); }, "wait until each image is processed");
  app.add_option("-j,--jobs", args.jobs, "files under way at once (4)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  // A word behind it is a file unless it is joined by "=".
  app.add_flag(
         "--direct{tus}", args.direct,
         "straight to the file server; by tus (the usual), which goes on where it was cut, or "
         "put")
      ->check(OneOf(kDirectWays))
      ->type_name("[=WAY]");
  app.add_flag("--follow", args.follow_links, "enter symbolic links to folders");
  app.add_flag("--hidden", args.hidden, "also files and folders that begin with a dot");
  app.add_flag("--send-all", args.all, "send what is no image, too; the server decides");
  Text(app, "--state", "journal of what was sent (~/.cache/stockroom/uploads.db)", "FILE",
       [&](const std::string& v) { to.journal_path = v; });
  app.add_flag("--no-state", to.no_journal, "neither read nor write the journal");
  app.add_flag("--trust-state", args.trust_journal,
               "do not ask the server whether it still has what the journal names");
  Text(app, "--retry-for", "how long one file is tried while the server is away or busy (1m)",
       "TIME", [&](const std::string& v) { absl::ParseDuration(v, &args.retry_for); })
      ->check(DurationText());
}

void AddChanging(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("update", "Change what is known about an image");
  app.footer(kUpdateExamples);
  UpdateArgs& args = to.update;
  app.add_option("id", args.id, "the image")->required()->type_name("ID");
  Text(app, "--title", "new title; \"\" removes it", "TEXT",
       [&](const std::string& v) { args.title = v; });
  Text(app, "--description", "new description", "TEXT",
       [&](const std::string& v) { args.description = v; });
  Text(app, "--license", "new license", "TEXT", [&](const std::string& v) { args.license = v; });
  Text(app, "--visibility", "public, unlisted or private", "WHO", [&](const std::string& v) {
    args.visibility = VisibilityOf(v);
  })->check(OneOf(kVisibilities));
  Many(app, "--add-tag", "may be given several times", "TAG",
       [&](const std::string& v) { args.add_tags.push_back(v); });
  Many(app, "--remove-tag", "may be given several times", "TAG",
       [&](const std::string& v) { args.remove_tags.push_back(v); });
  Many(app, "--attribute", "set one; may be given several times", "KEY=VALUE",
       [&](const std::string& v) { args.set_attributes.insert(SplitPair(v)); })
      ->check(KeyValue());
  Many(app, "--remove-attribute", "may be given several times", "KEY",
       [&](const std::string& v) { args.remove_attributes.push_back(v); });

  CLI::App& remove = *root.add_subcommand("delete", "Remove images from the catalogue");
  remove.footer(kDeleteExamples);
  remove.add_option("id", to.remove.ids, "one or more images")->required()->type_name("ID");
  remove.add_flag("-y,--yes", to.remove.yes, "do not ask");
}

void AddReprocess(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("reprocess", "Make images anew from their originals");
  app.footer(kReprocessExamples);
  ReprocessArgs& args = to.reprocess;
  CLI::Option* ids = app.add_option("id", args.ids, "one or more images")->type_name("ID");
  CLI::Option* query = Text(app, "--query", "what a search for this finds", "QUERY",
                            [&](const std::string& v) { args.query = v; });
  CLI::Option* outdated =
      app.add_flag("--outdated", args.outdated, "what was made under other presets than now");
  CLI::Option* all = app.add_flag("--all", args.all, "every image");
  query->excludes(ids);
  outdated->excludes(ids)->excludes(query);
  all->excludes(ids)->excludes(query)->excludes(outdated);
}

void AddWatch(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("watch", "See what happens to images, as it happens");
  app.footer(kWatchExamples);
  WatchArgs& args = to.watch;
  Many(app, "--type", "created, updated, ready, failed or deleted; may be given several times",
       "EVENT", [&](const std::string& v) { args.types.push_back(v); })
      ->check(OneOf(kEventTypes));
  Text(app, "--image", "only this image", "ID", [&](const std::string& v) { args.image_id = v; });
  app.add_option_function<int64_t>(
         "--after", [&](int64_t position) { args.after = position; },
         "from this position; 0 for the oldest event that is kept")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("-n,--count", args.count, "end after so many events")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("N");
}

void AddOthers(CLI::App& root, Invocation& to) {
  CLI::App& status = *root.add_subcommand("status", "The cluster: processes, queues, index");
  status.footer(kStatusExamples);
  Many(status, "--health", "another process to ask, for example the file server's", "HOST:PORT|URL",
       [&](const std::string& v) { to.status.health_urls.push_back(v); });

  CLI::App& ping = *root.add_subcommand("ping", "Does an api answer, and how fast?");
  ping.add_option("-c,--count", to.ping.count, "calls (3)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");

  CLI::App& completion = *root.add_subcommand("completion", "Completion for a shell");
  completion.footer(kCompletionExamples);
  completion.add_option("shell", to.shell, "bash, zsh or fish")
      ->required()
      ->check(OneOf(kShells))
      ->type_name("SHELL");

  root.add_subcommand("version", "The version of this program");
}

void Build(CLI::App& app, Invocation& to) {
  app.description("stockroom: pictures in and out of a Stockroom cluster");
  app.footer(kMainFooter);
  app.require_subcommand(1);
  // Options of the program may stand behind the command.
  app.fallthrough();
  app.set_help_flag("-h,--help", "this text");
  AddGlobals(app, to);
  AddUpload(app, to);
  AddSearch(app, to);
  AddReading(app, to);
  AddChanging(app, to);
  AddReprocess(app, to);
  AddWatch(app, to);
  AddKeys(app, to);
  AddUploads(app, to);
  AddWebhooks(app, to);
  AddModeration(app, to);
  AddAdmin(app, to);
  AddOthers(app, to);
  app.set_version_flag("--version", "stockroom " STOCKROOM_VERSION, "the version");
  app.get_formatter()->column_width(32);
}

CommandTree Describe(const CLI::App& app) {
  CommandTree tree{.name = app.get_name(), .help = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    CommandTree::Option described{.help = option->get_description(),
                                  .takes_value = option->get_items_expected_max() > 0};
    for (const std::string& name : option->get_snames()) described.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) described.names.push_back("--" + name);
    if (described.names.empty()) {
      tree.files = option->get_type_name() == "FILE";
      if (option->get_type_name() == "SHELL") tree.words = kShells;
      if (option->get_type_name() == "ACTION") tree.words = kKeyActions;
      continue;
    }
    if (option->get_type_name() == "WHO") described.choices = kVisibilities;
    if (option->get_type_name() == "EVENT") described.choices = kEventTypes;
    if (option->get_type_name() == "ROLE") described.choices = kRoles;
    if (option->get_type_name() == "STATE") described.choices = kDeliveryStates;
    if (option->get_type_name() == "ORDER") described.choices = kOrders;
    if (option->get_type_name() == "FIELD") described.choices = kFacets;
    tree.options.push_back(std::move(described));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandTree child = Describe(*command);
    // Commands of a command are completed as its words, and their options as its own.
    for (const CommandTree& action : child.commands) {
      child.words.push_back(action.name);
      child.options.insert(child.options.end(), action.options.begin(), action.options.end());
    }
    tree.commands.push_back(std::move(child));
  }
  return tree;
}

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv) {
  ParsedCommandLine parsed;
  CLI::App app;
  Build(app, parsed.invocation);
  app.name("stockroom");
  try {
    std::vector<std::string> reversed;  // as CLI11 wants them
    for (int i = argc - 1; i > 0; --i) reversed.push_back(Marked(argv[i]));
    app.parse(reversed);
    parsed.invocation.command = app.get_subcommands().front()->get_name();
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream ignored;
    if (error.get_exit_code() == 0) {
      app.exit(error, out, ignored);
      parsed.exit_code = kExitOk;
      parsed.text = out.str();
    } else {
      const auto chosen = app.get_subcommands();
      const std::string command =
          chosen.empty() ? "stockroom" : "stockroom " + chosen.front()->get_name();
      parsed.exit_code = kExitUsage;
      parsed.text = argc < 2 ? app.help()
                             : absl::StrCat("stockroom: ", error.what(), "; ", command,
                                            " --help tells more\n");
    }
  }
  return parsed;
}

CommandTree DescribeCommandLine() {
  Invocation ignored;
  CLI::App app;
  Build(app, ignored);
  app.name("stockroom");
  return Describe(app);
}

}  // namespace stockroom::cli
