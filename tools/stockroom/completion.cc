#include "tools/stockroom/completion.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace stockroom::cli {
namespace {

using Option = CommandTree::Option;

std::string Names(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(names, " ");
}

std::string CommandNames(const CommandTree& tree) {
  std::vector<std::string> names;
  for (const CommandTree& command : tree.commands) names.push_back(command.name);
  return absl::StrJoin(names, " ");
}

// Options of the program and of every command that want a value, so that the value is not taken
// for a command.
std::string ValueNames(const CommandTree& tree) {
  std::vector<std::string> names;
  for (const Option& option : tree.options) {
    if (option.takes_value) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(names, "|");
}

void BashValues(const CommandTree& tree, const std::string& indent, std::string& out) {
  for (const Option& option : tree.options) {
    if (!option.takes_value) continue;
    const std::string words =
        option.choices.empty()
            ? "COMPREPLY=($(compgen -f -- \"$current\"))"
            : absl::StrCat("COMPREPLY=($(compgen -W '", absl::StrJoin(option.choices, " "),
                           "' -- \"$current\"))");
    absl::StrAppend(&out, indent, absl::StrJoin(option.names, "|"), ") ", words, "; return ;;\n");
  }
}

std::string Bash(const CommandTree& tree) {
  std::string out =
      "# bash completion for stockroom\n_stockroom() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command= word i skip=\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
      "    case $word in\n";
  absl::StrAppend(&out, "      ", ValueNames(tree), ") skip=1 ;;\n      -*) ;;\n",
                  "      *) command=$word; break ;;\n    esac\n  done\n");
  absl::StrAppend(&out, "  case $previous in\n");
  BashValues(tree, "    ", out);
  absl::StrAppend(&out, "  esac\n  case $command in\n    '')\n      COMPREPLY=($(compgen -W '",
                  CommandNames(tree), " ", Names(tree.options), "' -- \"$current\")) ;;\n");
  for (const CommandTree& command : tree.commands) {
    absl::StrAppend(&out, "    ", command.name, ")\n      case $previous in\n");
    BashValues(command, "        ", out);
    absl::StrAppend(&out,
                    "      esac\n      case $current in\n        -*) COMPREPLY=($(compgen -W '",
                    Names(command.options), " ", Names(tree.options), "' -- \"$current\")) ;;\n");
    if (command.files) {
      absl::StrAppend(&out, "        *) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n");
    } else if (!command.words.empty()) {
      absl::StrAppend(&out, "        *) COMPREPLY=($(compgen -W '",
                      absl::StrJoin(command.words, " "), "' -- \"$current\")) ;;\n");
    }
    absl::StrAppend(&out, "      esac ;;\n");
  }
  absl::StrAppend(&out, "  esac\n}\ncomplete -o filenames -F _stockroom stockroom\n");
  return out;
}

// Inside '…' within [ ] of _arguments.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

void ZshOptions(const std::vector<Option>& options, const std::string& indent, std::string& out) {
  for (const Option& option : options) {
    for (const std::string& name : option.names) {
      absl::StrAppend(&out, indent, "'*", name, "[", ZshText(option.help), "]");
      if (option.takes_value) {
        absl::StrAppend(&out, ":value:",
                        option.choices.empty()
                            ? "_files"
                            : absl::StrCat("(", absl::StrJoin(option.choices, " "), ")"));
      }
      absl::StrAppend(&out, "' \\\n");
    }
  }
}

std::string Zsh(const CommandTree& tree) {
  std::string out =
      "#compdef stockroom\n# zsh completion for stockroom\n_stockroom() {\n"
      "  local context state line\n  typeset -A opt_args\n  _arguments -C \\\n";
  ZshOptions(tree.options, "    ", out);
  absl::StrAppend(&out,
                  "    '1:command:->command' \\\n    '*::argument:->argument' && return\n"
                  "  case $state in\n    command)\n      local -a commands=(\n");
  for (const CommandTree& command : tree.commands) {
    absl::StrAppend(&out, "        '", command.name, ":", ZshText(command.help), "'\n");
  }
  absl::StrAppend(&out,
                  "      )\n      _describe command commands ;;\n    argument)\n"
                  "      case $line[1] in\n");
  for (const CommandTree& command : tree.commands) {
    absl::StrAppend(&out, "        ", command.name, ")\n          _arguments \\\n");
    ZshOptions(command.options, "            ", out);
    ZshOptions(tree.options, "            ", out);
    const std::string rest =
        command.files ? "'*:file:_files'"
        : command.words.empty()
            ? "'*:argument:'"
            : absl::StrCat("'1:word:(", absl::StrJoin(command.words, " "), ")'");
    absl::StrAppend(&out, "            ", rest, " ;;\n");
  }
  absl::StrAppend(&out,
                  "      esac ;;\n  esac\n}\n"
                  "if [ \"$funcstack[1]\" = _stockroom ]; then\n  _stockroom \"$@\"\nelse\n"
                  "  compdef _stockroom stockroom\nfi\n");
  return out;
}

std::string FishText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}});
}

void FishOptions(const std::vector<Option>& options, const std::string& condition,
                 std::string& out) {
  for (const Option& option : options) {
    absl::StrAppend(&out, "complete -c stockroom", condition);
    for (const std::string& name : option.names) {
      absl::StrAppend(&out, name.size() == 2 ? " -s " : " -l ",
                      name.substr(name.size() == 2 ? 1 : 2));
    }
    if (option.takes_value) absl::StrAppend(&out, option.choices.empty() ? " -r" : " -x");
    if (!option.choices.empty()) {
      absl::StrAppend(&out, " -a '", absl::StrJoin(option.choices, " "), "'");
    }
    absl::StrAppend(&out, " -d '", FishText(option.help), "'\n");
  }
}

std::string Fish(const CommandTree& tree) {
  std::string out = "# fish completion for stockroom\ncomplete -c stockroom -f\n";
  FishOptions(tree.options, "", out);
  for (const CommandTree& command : tree.commands) {
    absl::StrAppend(&out, "complete -c stockroom -n __fish_use_subcommand -a ", command.name,
                    " -d '", FishText(command.help), "'\n");
    const std::string condition =
        absl::StrCat(" -n '__fish_seen_subcommand_from ", command.name, "'");
    FishOptions(command.options, condition, out);
    if (command.files) absl::StrAppend(&out, "complete -c stockroom", condition, " -F\n");
    if (!command.words.empty()) {
      absl::StrAppend(&out, "complete -c stockroom", condition, " -a '",
                      absl::StrJoin(command.words, " "), "'\n");
    }
  }
  return out;
}

}  // namespace

std::string CompletionScript(const CommandTree& tree, std::string_view shell) {
  if (shell == "bash") return Bash(tree);
  if (shell == "zsh") return Zsh(tree);
  return shell == "fish" ? Fish(tree) : "";
}

}  // namespace stockroom::cli
