// Completion scripts, generated from the command line itself.
#pragma once

#include <string>
#include <string_view>

#include "tools/stockroom/command_line.h"

namespace stockroom::cli {

// `shell` is bash, zsh or fish; "" for any other. The scripts call nothing: all words are in them.
std::string CompletionScript(const CommandTree& tree, std::string_view shell);

}  // namespace stockroom::cli
