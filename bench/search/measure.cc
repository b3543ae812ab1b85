#include "bench/search/measure.h"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace stockroom::bench {

void Check(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::exit(1);
}

uint64_t OwnMemory() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::strtoull(line.c_str() + 8, nullptr, 10) * 1024;
  }
  return 0;
}

std::string Short(uint64_t images) {
  if (images % 1'000'000 == 0) return std::to_string(images / 1'000'000) + "m";
  if (images % 1'000 == 0) return std::to_string(images / 1'000) + "k";
  return std::to_string(images);
}

}  // namespace stockroom::bench
