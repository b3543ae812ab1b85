// The command line: what may be given, what was given. The sources
// command_line*.cc are the place that knows CLI11.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/stockroom/program.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

// Everything that was given. Only the arguments of `command` matter.
struct Invocation {
  std::string command;  // "upload"

  PartialSettings settings;
  std::string config_path;  // "" for the default one
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_color = false;

  UploadArgs upload;
  UploadsArgs uploads;
  OriginalUrlArgs original_url;
  std::string journal_path;  // "" for the default one
  bool no_journal = false;
  ListArgs list;
  SearchArgs search;
  SuggestArgs suggest;
  SimilarArgs similar;
  ShowArgs show;
  GetArgs get;
  UpdateArgs update;
  DeleteArgs remove;
  ReprocessArgs reprocess;
  KeysArgs keys;
  SignArgs sign;
  InfoArgs info;
  WatchArgs watch;
  WebhooksArgs webhooks;
  ModerationArgs moderation;
  AdminArgs admin;
  StoreArgs store;
  CopyBlobsArgs copy_blobs;
  StatusArgs status;
  PingArgs ping;
  std::string shell;
};

// What shells complete.
struct CommandTree {
  struct Option {
    std::vector<std::string> names;  // with their dashes
    std::string help;
    bool takes_value = false;
    std::vector<std::string> choices;
  };
  std::string name;
  std::string help;
  std::vector<Option> options;
  // Positional arguments are files, one of these words, or neither.
  bool files = false;
  std::vector<std::string> words;
  std::vector<CommandTree> commands;
};

struct ParsedCommandLine {
  // Set: print `text` (to standard error unless 0) and end with it.
  std::optional<int> exit_code;
  std::string text;
  Invocation invocation;
};

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv);

CommandTree DescribeCommandLine();

}  // namespace stockroom::cli
