// Which files a list of names means: files, folders with all below them, patterns.
//
// Lazy: a folder is read while its files are handed out, one folder is open at a time, and memory
// grows with the number of folders that wait, never with the number of files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace stockroom::cli {

struct WalkOptions {
  // Enter symbolic links to folders; each folder is entered once, so loops end.
  bool follow_links = false;
  // Also names that begin with a dot.
  bool hidden = false;
};

struct FoundFile {
  std::string path;
  int64_t size = 0;
  // Named on the command line, not found in a folder or by a pattern.
  bool named = false;
};

// Calls `found` for every regular file (links to files included) and `problem` for what can not be
// read; both return false to stop. Pipes, sockets and devices are problems when named, else passed
// over. A name with * ? [ ] is a pattern unless a file of that name exists; ** crosses folders.
void Walk(const std::vector<std::string>& names, const WalkOptions& options,
          absl::FunctionRef<bool(const FoundFile&)> found,
          absl::FunctionRef<bool(const std::string& path, const absl::Status&)> problem);

// Path against pattern, part by part between slashes: * and ? and [a-z] within a part, ** for any
// number of parts. Names that begin with a dot are matched only by a dot unless `hidden`.
bool MatchesPattern(std::string_view pattern, std::string_view path, bool hidden);

// Whether anything below the folder `path` could match.
bool MayMatchBelow(std::string_view pattern, std::string_view path, bool hidden);

}  // namespace stockroom::cli
