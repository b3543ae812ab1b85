#include "bench/engine/perception.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/common/corpus.h"

namespace stockroom::bench {
namespace {

constexpr char kProgram[] = "/usr/bin/butteraugli_main";
constexpr char kAnswer[] = "3-norm: ";

std::string Written(const std::string& name, const std::string& bytes) {
  const bool png = bytes.compare(0, 4, "\x89PNG") == 0;
  const std::string path = ScratchFolder() + "/" + name + (png ? ".png" : ".jpg");
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace

std::optional<double> PerceivedDistance(const std::string& a, const std::string& b) {
  if (::access(kProgram, X_OK) != 0) return std::nullopt;
  const std::string command =
      std::string(kProgram) + " " + Written("a", a) + " " + Written("b", b) + " 2>/dev/null";
  FILE* said = ::popen(command.c_str(), "r");
  std::optional<double> distance;
  char line[256];
  while (std::fgets(line, sizeof line, said) != nullptr) {
    const std::string text = line;
    if (text.compare(0, sizeof kAnswer - 1, kAnswer) == 0) {
      distance = std::atof(text.c_str() + sizeof kAnswer - 1);
    }
  }
  ::pclose(said);
  return distance;
}

}  // namespace stockroom::bench
