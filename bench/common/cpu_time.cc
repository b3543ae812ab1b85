#include "bench/common/cpu_time.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace stockroom::bench {

double CpuSecondsOf(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::ifstream stat(process + "/stat");
  std::string skipped;
  for (int field = 1; field < 14; ++field) stat >> skipped;
  double user = 0;
  double system = 0;
  stat >> user >> system;
  double sum = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream children(process + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child; children >> child;) sum += CpuSecondsOf(child);
  return sum;
}

}  // namespace stockroom::bench
