#include "services/common/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace stockroom {
namespace {

struct Logging {
  std::shared_ptr<spdlog::logger> sink =
      std::make_shared<spdlog::logger>("log", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  std::string process = "unnamed";
  std::atomic<LogLevel> level{LogLevel::kWarning};

  Logging() {
    sink->set_pattern("%v");
    sink->set_level(spdlog::level::trace);
    // Lines must not be lost when the process is killed.
    sink->flush_on(spdlog::level::trace);
  }
};

// Never destroyed: threads may log while the process ends.
Logging& Get() {
  static Logging* const logging = new Logging;
  return *logging;
}

const char* Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
    case LogLevel::kOff:
      break;
  }
  return "error";
}

}  // namespace

void InitLogging(std::string_view process, LogLevel level) {
  Get().process = std::string(process);
  Get().level = level;
}

bool IsLogged(LogLevel level) { return level >= Get().level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view message, LogFields fields, std::string_view request_id) {
  if (!IsLogged(level)) return;
  Logging& logging = Get();
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  line["level"] = Name(level);
  line["process"] = logging.process;
  line["message"] = message;
  if (!request_id.empty()) line["request_id"] = request_id;
  for (const auto& [key, value] : fields) {
    std::visit([&, name = std::string(key)](const auto& v) { line[name] = v; }, value.value());
  }
  // Text from outside may not be UTF-8; replacing beats throwing.
  logging.sink->info(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace stockroom
