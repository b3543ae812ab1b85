// What is measured, and how large.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace stockroom::bench {

struct Options {
  bool json = false;
  int pairs = 5;
  uint64_t images = 1'000'000;
  // Ten million, too: takes half an hour and 30 GB of disk.
  bool large = false;
  // Parts to run; empty: all of them.
  std::set<std::string> only;

  bool Runs(const std::string& part) const { return only.empty() || only.contains(part); }
};

// Ends the program with a message for what it does not know.
Options ParseOptions(int argc, char** argv);

}  // namespace stockroom::bench
