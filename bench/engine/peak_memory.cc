#include "bench/engine/peak_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace stockroom::bench {
namespace {

int64_t HighWaterKilobytes(const std::string& folder) {
  std::ifstream status(folder + "/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

int64_t HighestBelow(pid_t process) {
  int64_t highest = 0;
  std::error_code gone;
  const std::string folder = absl::StrCat("/proc/", process);
  for (const auto& thread : std::filesystem::directory_iterator(folder + "/task", gone)) {
    std::ifstream children(thread.path() / "children");
    for (pid_t child; children >> child;) {
      highest = std::max(
          {highest, HighWaterKilobytes(absl::StrCat("/proc/", child)), HighestBelow(child)});
    }
  }
  return highest;
}

}  // namespace

PeakMemory::PeakMemory(pid_t ancestor)
    : thread_([this, ancestor] {
        while (!stopping_) {
          peak_kb_ = std::max(peak_kb_.load(), HighestBelow(ancestor));
          absl::SleepFor(absl::Milliseconds(1));
        }
      }) {}

PeakMemory::~PeakMemory() {
  stopping_ = true;
  thread_.join();
}

}  // namespace stockroom::bench
