#include "tests/power/rebuild.h"

#include <dirent.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace stockroom::power {
namespace {

namespace fs = std::filesystem;

struct Entry {
  unsigned long inode = 0;
  bool directory = false;
  friend bool operator==(const Entry&, const Entry&) = default;
};
using Listing = std::map<std::string, Entry>;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

Listing ListingOf(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) Fail("can not list " + path);
  Listing listing;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    listing[name] = {.inode = entry->d_ino, .directory = entry->d_type == DT_DIR};
  }
  ::closedir(directory);
  return listing;
}

unsigned long InodeOf(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) Fail("can not look at " + path);
  return st.st_ino;
}

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Fail("can not read " + path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (!out) Fail("can not write " + path);
}

class Rebuilder {
 public:
  Rebuilder(std::string shadow, std::mt19937_64& dice) : shadow_(std::move(shadow)), dice_(dice) {}

  // `now`: where the folder lies in the tree as the dead process left it; "" if it is not there.
  void Folder(unsigned long inode, const std::string& now, const std::string& to) {
    fs::create_directory(to);
    const Listing durable = Durable(inode);
    const Listing visible = now.empty() ? Listing() : ListingOf(now);
    Listing left = durable;
    for (const auto& [name, entry] : visible) {
      const auto it = left.find(name);
      if (it != left.end() && it->second == entry) continue;
      if (Chance(2)) left[name] = entry;  // a name, or its replacement, that was not synced
    }
    for (const auto& [name, entry] : durable) {
      if (!visible.contains(name) && Chance(2)) left.erase(name);  // a removal
    }
    for (const auto& [name, entry] : left) {
      const auto it = visible.find(name);
      const bool same = it != visible.end() && it->second == entry;
      const std::string there = same ? now + "/" + name : "";
      if (entry.directory) {
        Folder(entry.inode, there, to + "/" + name);
      } else {
        File(entry.inode, there, to + "/" + name);
      }
    }
  }

 private:
  bool Chance(uint64_t one_in) { return dice_() % one_in == 0; }

  Listing Durable(unsigned long inode) const {
    Listing listing;
    std::ifstream in(shadow_ + "/directory-" + std::to_string(inode));
    std::string line;
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      Entry entry;
      char kind = 0;
      std::string name;
      fields >> entry.inode >> kind >> name;
      entry.directory = kind == 'd';
      listing[name] = entry;
    }
    return listing;
  }

  void File(unsigned long inode, const std::string& now, const std::string& to) {
    const std::string kept = shadow_ + "/inode-" + std::to_string(inode);
    std::string bytes = fs::exists(kept) ? Read(kept) : "";
    if (!now.empty()) {
      const std::string visible = Read(now);
      // Growth that was not synced: all of it, a part, or a length without the bytes.
      if (visible.size() > bytes.size() && visible.compare(0, bytes.size(), bytes) == 0) {
        const size_t more = visible.size() - bytes.size();
        switch (dice_() % 4) {
          case 0:
            bytes = visible;
            break;
          case 1:
            bytes = visible.substr(0, bytes.size() + dice_() % more);
            break;
          case 2:
            bytes.append(more, '\0');
            break;
          default:
            break;
        }
      }
    }
    Write(to, bytes);
  }

  const std::string shadow_;
  std::mt19937_64& dice_;
};

void KeepAll(const std::string& folder, const std::string& shadow) {
  std::ostringstream lines;
  for (const auto& [name, entry] : ListingOf(folder)) {
    lines << entry.inode << (entry.directory ? " d " : " f ") << name << "\n";
    const std::string path = folder + "/" + name;
    if (entry.directory) {
      KeepAll(path, shadow);
    } else {
      Write(shadow + "/inode-" + std::to_string(entry.inode), Read(path));
    }
  }
  Write(shadow + "/directory-" + std::to_string(InodeOf(folder)), lines.str());
}

}  // namespace

void Rebuild(const std::string& root, const std::string& shadow, const std::string& to,
             std::mt19937_64& dice) {
  Rebuilder(shadow, dice).Folder(InodeOf(root), root, to);
}

void AllDurable(const std::string& root, const std::string& shadow) {
  fs::remove_all(shadow);
  fs::create_directories(shadow);
  KeepAll(root, shadow);
}

}  // namespace stockroom::power
