#include "bench/delivery/memory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace stockroom::bench {

double ResidentMegabytes(pid_t process) {
  const std::string folder = absl::StrCat("/proc/", process);
  double total = 0;
  std::ifstream statm(folder + "/statm");
  int64_t size = 0;
  int64_t resident = 0;
  if (statm >> size >> resident) {
    total = static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / 1e6;
  }
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(folder + "/task", gone)) {
    std::ifstream children(thread.path() / "children");
    for (pid_t child; children >> child;) total += ResidentMegabytes(child);
  }
  return total;
}

}  // namespace stockroom::bench
