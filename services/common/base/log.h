// Structured logs: one JSON object a line on standard error.
//
//   LogInfo("image stored", {{"image", id}, {"bytes", size}}, context.request_id);
//
// Never log a secret, a token, a signed URL or the bytes of a request.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"

namespace stockroom {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

class LogValue {
 public:
  LogValue(std::string_view v) : value_(std::string(v)) {}   // NOLINT(google-explicit-constructor)
  LogValue(const std::string& v) : value_(v) {}              // NOLINT(google-explicit-constructor)
  LogValue(const char* v) : value_(std::string(v)) {}        // NOLINT(google-explicit-constructor)
  LogValue(bool v) : value_(v) {}                            // NOLINT(google-explicit-constructor)
  LogValue(double v) : value_(v) {}                          // NOLINT(google-explicit-constructor)
  LogValue(const absl::Status& v) : value_(v.ToString()) {}  // NOLINT(google-explicit-constructor)
  template <typename Int, typename = std::enable_if_t<std::is_integral_v<Int>>>
  LogValue(Int v) : value_(static_cast<int64_t>(v)) {}  // NOLINT(google-explicit-constructor)

  const std::variant<std::string, bool, double, int64_t>& value() const { return value_; }

 private:
  std::variant<std::string, bool, double, int64_t> value_;
};
using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

// `process` goes into every line. Call once from main; before that, lines of warning and above go
// to standard error with the process name "unnamed".
void InitLogging(std::string_view process, LogLevel level);

// Whether a line of this level is written at all: asked where building its fields costs too much.
bool IsLogged(LogLevel level);

void Log(LogLevel level, std::string_view message, LogFields fields, std::string_view request_id);

inline void LogDebug(std::string_view m, LogFields f = {}, std::string_view request_id = {}) {
  Log(LogLevel::kDebug, m, f, request_id);
}
inline void LogInfo(std::string_view m, LogFields f = {}, std::string_view request_id = {}) {
  Log(LogLevel::kInfo, m, f, request_id);
}
inline void LogWarning(std::string_view m, LogFields f = {}, std::string_view request_id = {}) {
  Log(LogLevel::kWarning, m, f, request_id);
}
inline void LogError(std::string_view m, LogFields f = {}, std::string_view request_id = {}) {
  Log(LogLevel::kError, m, f, request_id);
}

}  // namespace stockroom
