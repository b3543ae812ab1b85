#include "bench/search/options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace stockroom::bench {
namespace {

constexpr const char* kParts[] = {"growth",  "speed",      "updates", "fts5",
                                  "mariadb", "checkpoint", "start",   "rpc"};

[[noreturn]] void Usage() {
  std::fprintf(stderr,
               "usage: scripts/bench search [--json] [--pairs N] [--images N] [--large] "
               "[--only PART,…]\nparts:");
  for (const char* part : kParts) std::fprintf(stderr, " %s", part);
  std::fprintf(stderr, "\n");
  std::exit(2);
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--large") {
      options.large = true;
    } else if (argument == "--pairs" && i + 1 < argc) {
      options.pairs = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--images" && i + 1 < argc) {
      options.images = static_cast<uint64_t>(std::max(1000LL, std::atoll(argv[++i])));
    } else if (argument == "--only" && i + 1 < argc) {
      std::istringstream parts(argv[++i]);
      for (std::string part; std::getline(parts, part, ',');) {
        if (std::find(std::begin(kParts), std::end(kParts), part) == std::end(kParts)) Usage();
        options.only.insert(part);
      }
    } else {
      Usage();
    }
  }
  return options;
}

}  // namespace stockroom::bench
