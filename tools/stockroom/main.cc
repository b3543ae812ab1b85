#include <cstdio>

#include "tools/stockroom/command_line.h"
#include "tools/stockroom/run.h"

int main(int argc, char** argv) {
  const stockroom::cli::ParsedCommandLine parsed = stockroom::cli::ParseCommandLine(argc, argv);
  if (parsed.exit_code) {
    std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
    return *parsed.exit_code;
  }
  return stockroom::cli::Run(parsed.invocation);
}
