#include "bench/common/report.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace stockroom::bench {

Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  return {median, values.front(), values.back()};
}

double Percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(part * values.size()))];
}

void Report::Print(const std::string& name, const Spread& value, const std::string& unit,
                   bool is_ratio) {
  if (json_) {
    nlohmann::ordered_json line = {{"name", name},
                                   {"value", value.median},
                                   {"unit", unit},
                                   {"min", value.min},
                                   {"max", value.max}};
    if (is_ratio) line["ratio"] = value.median;
    if (!device_.empty()) line["device"] = device_;
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf("%-28s %10.2f %-12s (%.2f to %.2f)\n", name.c_str(), value.median, unit.c_str(),
                value.min, value.max);
  }
  std::fflush(stdout);
}

void Report::Figure(const std::string& name, const Spread& value, const std::string& unit) {
  Print(name, value, unit, false);
}

void Report::Ratio(const std::string& name, const Spread& ratio) {
  Print(name, ratio, "ratio", true);
}

void Report::Note(const std::string& text) {
  if (!json_) std::printf("%s\n", text.c_str());
}

void Report::On(const std::string& device) {
  device_ = device;
  Note("on " + device);
}

Arguments ParseArguments(int argc, char** argv, const std::string& usage) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      arguments.json = true;
    } else if (argument == "--corpus" && i + 1 < argc) {
      arguments.corpus = argv[++i];
    } else if (argument == "--pairs" && i + 1 < argc) {
      arguments.pairs = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--rows" && i + 1 < argc) {
      arguments.rows = std::max(1LL, std::atoll(argv[++i]));
    } else if (argument == "--only" && i + 1 < argc) {
      arguments.only = argv[++i];
    } else {
      std::fprintf(stderr, "%s\n", usage.c_str());
      std::exit(2);
    }
  }
  return arguments;
}

}  // namespace stockroom::bench
