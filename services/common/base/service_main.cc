#include "services/common/base/service_main.h"

#include <cstdio>

#include "services/common/base/log.h"
#include "services/common/base/process.h"

namespace stockroom {
namespace {

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace

void DeclareLogLevel(ConfigSchema& schema, std::string* level) {
  schema.Choice("log.level", level, {"debug", "info", "warning", "error"},
                "Least severe messages that are logged, as JSON lines on standard error.");
}

int ServiceMain(const ConfigSchema& schema, const std::string& log_level, int argc,
                const char* const* argv,
                absl::FunctionRef<absl::Status(const std::string& profile)> serve) {
  PrepareSignals();
  RaiseDescriptorLimit();
  SkipSearchForLockCycles();
  const absl::StatusOr<LoadedConfig> config = LoadConfig(schema, argc, argv);
  if (config.ok() && config->exit_early) {
    std::fputs(config->output.c_str(), stdout);
    return 0;
  }
  InitLogging(schema.process(), LevelOf(log_level));
  const absl::Status status = config.ok() ? serve(config->profile) : config.status();
  if (!status.ok()) {
    LogError("can not run", {{"error", std::string(status.message())}});
    return 1;
  }
  return 0;
}

}  // namespace stockroom
