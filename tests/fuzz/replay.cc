// Runs a fuzz target as an ordinary test: over its seeds, then over some thousand changed ones, the
// same each time. Without coverage it finds less than libFuzzer, but always, and with any compiler.
// `NAME_replay DIR` writes the seeds into DIR instead, for libFuzzer to start from: `NAME DIR`.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "tests/fuzz/target.h"

namespace {

constexpr int kRounds = 6000;
constexpr size_t kMaxBytes = 64 << 10;

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds) {}

  std::string Next() {
    std::string text = Seed();
    for (size_t i = 1 + Below(4); i > 0; --i) Change(text);
    if (text.size() > kMaxBytes) text.resize(kMaxBytes);
    return text;
  }

 private:
  size_t Below(size_t n) { return n == 0 ? 0 : static_cast<size_t>(random_() % n); }
  const std::string& Seed() { return seeds_[Below(seeds_.size())]; }

  void Change(std::string& text) {
    static const std::string kSplinters[] = {std::string(1, '\0'),
                                             "\xff",
                                             "\xc0\xaf",
                                             "\"",
                                             "{",
                                             "[",
                                             "}",
                                             "]",
                                             ",",
                                             ":",
                                             ".",
                                             "=",
                                             "-",
                                             "1e999",
                                             "99999999999999999999",
                                             "null",
                                             "\\u0000",
                                             "\r\n",
                                             "--",
                                             " ",
                                             "\n",
                                             std::string(300, '[')};
    const size_t at = Below(text.size() + 1);
    const size_t count = Below(std::min<size_t>(text.size() - at, 32) + 1);
    switch (Below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
        break;
      case 1:
        text.erase(at, count);
        break;
      case 2:
        text.insert(at, text.substr(at, count));
        break;
      case 3:
        text.insert(at, kSplinters[Below(std::size(kSplinters))]);
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        break;
      default: {
        const std::string& other = Seed();
        text.replace(at, std::string::npos, other.substr(std::min(at, other.size())));
      }
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_{1};  // the same each time
};

}  // namespace

int main(int argc, char** argv) {
  const auto run = [](const std::string& text) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  const std::vector<std::string> seeds = FuzzSeeds();
  if (argc > 1) {
    for (size_t i = 0; i < seeds.size(); ++i) {
      std::ofstream(std::string(argv[1]) + "/seed-" + std::to_string(i)) << seeds[i];
    }
    return 0;
  }
  run("");
  for (const std::string& seed : seeds) run(seed);
  Mutator mutator(seeds);
  for (int i = 0; i < kRounds; ++i) run(mutator.Next());
  std::printf("%zu seeds and %d changed ones\n", seeds.size(), kRounds);
}
