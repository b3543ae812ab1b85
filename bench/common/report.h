// What every benchmark prints, and how pairs are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stockroom::bench {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
// Requires at least one value.
Spread SpreadOf(std::vector<double> values);
// The value that `part` (0 to 1) of them are below. Requires at least one.
double Percentile(std::vector<double> values, double part);

// Prints one figure a line: JSON objects (name, value, unit, min, max, and ratio with its own
// ratio_min and ratio_max where two things were compared in the same run), or a table for people.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void Figure(const std::string& name, const Spread& value, const std::string& unit);
  // `ratio`: pair by pair, ours over theirs.
  void Ratio(const std::string& name, const Spread& ratio);
  // For people only.
  void Note(const std::string& text);
  // What all figures that follow were measured on: a note, and "device" in each JSON object.
  void On(const std::string& device);

 private:
  void Print(const std::string& name, const Spread& value, const std::string& unit, bool is_ratio);
  const bool json_;
  std::string device_;
};

// --json and --name=value arguments; ends the program with a message for anything else.
struct Arguments {
  bool json = false;
  int pairs = 5;
  std::string corpus;
  int64_t rows = 100'000;
  std::string only;  // one part of a benchmark that has several; empty: all
};
Arguments ParseArguments(int argc, char** argv, const std::string& usage);

}  // namespace stockroom::bench
