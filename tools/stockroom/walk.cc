#include "tools/stockroom/walk.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::cli {
namespace {

using Parts = std::vector<std::string>;
using PartsView = std::span<const std::string>;

Parts Split(std::string_view path) { return absl::StrSplit(Av(path), '/', absl::SkipEmpty()); }

bool PartMatches(const std::string& pattern, const std::string& part, bool hidden) {
  return ::fnmatch(pattern.c_str(), part.c_str(), hidden ? 0 : FNM_PERIOD) == 0;
}

bool CrossableBy(const std::string& part, bool hidden) { return hidden || part[0] != '.'; }

bool Matches(PartsView pattern, PartsView path, bool hidden) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] == "**") {
    if (Matches(pattern.subspan(1), path, hidden)) return true;
    return !path.empty() && CrossableBy(path[0], hidden) &&
           Matches(pattern, path.subspan(1), hidden);
  }
  return !path.empty() && PartMatches(pattern[0], path[0], hidden) &&
         Matches(pattern.subspan(1), path.subspan(1), hidden);
}

bool MayMatch(PartsView pattern, PartsView path, bool hidden) {
  if (path.empty()) return !pattern.empty();
  if (pattern.empty()) return false;
  if (pattern[0] == "**") {
    return MayMatch(pattern.subspan(1), path, hidden) ||
           (CrossableBy(path[0], hidden) && MayMatch(pattern, path.subspan(1), hidden));
  }
  return PartMatches(pattern[0], path[0], hidden) &&
         MayMatch(pattern.subspan(1), path.subspan(1), hidden);
}

// Several ** one after another mean the same as one and cost exponentially more.
Parts SplitPattern(std::string_view pattern) {
  Parts parts = Split(pattern);
  std::erase_if(parts, [previous = std::string()](const std::string& part) mutable {
    const bool again = part == "**" && previous == "**";
    previous = part;
    return again;
  });
  return parts;
}

std::string Joined(const std::string& folder, const char* name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

// The folder above the first part with a wildcard: "a/b/*.jpg" is "a/b", "*.jpg" is "".
std::string BaseOf(const std::string& pattern) {
  const size_t slash = pattern.rfind('/', pattern.find_first_of("*?["));
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : pattern.substr(0, slash);
}

class Walker {
 public:
  Walker(const WalkOptions& options, absl::FunctionRef<bool(const FoundFile&)> found,
         absl::FunctionRef<bool(const std::string&, const absl::Status&)> problem)
      : options_(options), found_(found), problem_(problem) {}

  // False once somebody said stop.
  bool Name(const std::string& name) {
    struct stat info {};
    if (::stat(name.c_str(), &info) == 0) {
      if (S_ISDIR(info.st_mode)) return Folder(name, "");
      if (S_ISREG(info.st_mode)) return found_({name, info.st_size, true});
      return problem_(name, absl::InvalidArgumentError("is neither a file nor a folder"));
    }
    const int error = errno;
    if (error == ENOENT && name.find_first_of("*?[") != std::string::npos) {
      matched_ = 0;
      if (!Folder(BaseOf(name), name)) return false;
      if (matched_ > 0) return true;
      return problem_(name, NotFound("NO_MATCH", "no file matches this pattern"));
    }
    return problem_(name, Wrong(error));
  }

 private:
  static absl::Status Wrong(int error) {
    if (error == ENOENT) return NotFound("NO_SUCH_FILE", "no such file or folder");
    if (error == EACCES) return absl::PermissionDeniedError("not allowed to read it");
    if (error == ELOOP) return absl::FailedPreconditionError("its symbolic links go in circles");
    return ErrnoStatus(error, "reading it");
  }

  bool Folder(const std::string& root, const std::string& pattern) {
    const std::string opened = root.empty() ? "." : root;
    struct stat info {};
    if (::stat(opened.c_str(), &info) == 0) Enter(info);
    waiting_.push_back({root, pattern});
    while (!waiting_.empty()) {
      const Waiting next = std::move(waiting_.back());
      waiting_.pop_back();
      if (!Read(next.folder, next.pattern)) return false;
    }
    return true;
  }

  bool Read(const std::string& folder, const std::string& pattern) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.empty() ? "." : folder.c_str()),
                                                  ::closedir);
    if (!dir) return problem_(folder.empty() ? "." : folder, Wrong(errno));
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr) return errno == 0 || problem_(folder, Wrong(errno));
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      // A pattern may ask for hidden names itself.
      if (pattern.empty() && !options_.hidden && name[0] == '.') continue;
      if (!Entry(Joined(folder, entry->d_name), pattern)) return false;
    }
  }

  bool Entry(const std::string& path, const std::string& pattern) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return problem_(path, Wrong(errno));
    const bool link = S_ISLNK(info.st_mode);
    const bool matches = pattern.empty() || MatchesPattern(pattern, path, options_.hidden);
    if (link && ::stat(path.c_str(), &info) != 0) {
      if (!matches) return true;
      return problem_(path, errno == ENOENT
                                ? NotFound("DANGLING", "the symbolic link leads nowhere")
                                : Wrong(errno));
    }
    if (S_ISDIR(info.st_mode)) {
      if (link && !options_.follow_links) return true;
      // A folder that the pattern means is taken whole, as if the shell had written its name.
      const bool whole = matches && !pattern.empty();
      if (whole) ++matched_;
      if (!matches && !MayMatchBelow(pattern, path, options_.hidden)) return true;
      if (Enter(info)) waiting_.push_back({path, whole ? "" : pattern});
      return true;
    }
    if (!S_ISREG(info.st_mode) || !matches) return true;
    ++matched_;
    return found_({path, info.st_size, false});
  }

  // False for a folder that was entered before. Only links can lead back, so without them nothing
  // has to be remembered.
  bool Enter(const struct stat& info) {
    return !options_.follow_links || entered_.emplace(info.st_dev, info.st_ino).second;
  }

  const WalkOptions options_;
  absl::FunctionRef<bool(const FoundFile&)> found_;
  absl::FunctionRef<bool(const std::string&, const absl::Status&)> problem_;
  struct Waiting {
    std::string folder;
    std::string pattern;  // "" for everything
  };
  std::vector<Waiting> waiting_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  int64_t matched_ = 0;
};

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view path, bool hidden) {
  return Matches(SplitPattern(pattern), Split(path), hidden);
}

bool MayMatchBelow(std::string_view pattern, std::string_view path, bool hidden) {
  return MayMatch(SplitPattern(pattern), Split(path), hidden);
}

void Walk(const std::vector<std::string>& names, const WalkOptions& options,
          absl::FunctionRef<bool(const FoundFile&)> found,
          absl::FunctionRef<bool(const std::string& path, const absl::Status&)> problem) {
  Walker walker(options, found, problem);
  for (const std::string& name : names) {
    if (!walker.Name(name)) return;
  }
}

}  // namespace stockroom::cli
