// Configuration: one documented YAML file per process, with profiles.
//
// Later wins: built-in default, the file's top level, the file's section profiles.<profile>, the
// file .env beside the working directory, the environment, command-line flags. A key that nobody
// declared, or a value that does not fit, stops the start and names file, line and what was
// expected.
//
//   ConfigSchema schema("api");
//   schema.Text("gateway.listen", &o.gateway_listen, "Address of the REST gateway, host:port.");
//   schema.Integer("limits.max_upload_bytes", &o.max_bytes, 1, 1 << 40, "Largest original. …");
//   absl::StatusOr<LoadedConfig> loaded = LoadConfig(schema, argc, argv);
//
// The value that a variable holds when it is declared is its default. "gateway.listen" is also the
// environment variable STOCKROOM_API_GATEWAY_LISTEN and the flag --gateway.listen=….
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom {

class ConfigSchema {
 public:
  // `process` is part of environment names: STOCKROOM_<PROCESS>_<KEY>.
  explicit ConfigSchema(std::string process) : process_(std::move(process)) {}

  void Text(std::string key, std::string* value, std::string help);
  // One of `choices`.
  void Choice(std::string key, std::string* value, std::vector<std::string> choices,
              std::string help);
  // min and max inclusive. Sizes may be written 64KiB, 100MiB, 2GiB.
  void Integer(std::string key, int64_t* value, int64_t min, int64_t max, std::string help);
  void Real(std::string key, double* value, double min, double max, std::string help);
  void Boolean(std::string key, bool* value, std::string help);
  // Written 250ms, 30s, 5m, 1h; min and max inclusive.
  void Duration(std::string key, absl::Duration* value, absl::Duration min, absl::Duration max,
                std::string help);
  // YAML list, or comma-separated in environment and flags.
  void TextList(std::string key, std::vector<std::string>* value, std::string help);
  // YAML mapping name: text; replaced as a whole. In environment and flags: a=b,c=d (split at the
  // first '=' of each).
  void TextMap(std::string key, std::vector<std::pair<std::string, std::string>>* value,
               std::string help);

  // A commented YAML file that holds every key with its default.
  std::string DefaultFile() const;

  const std::string& process() const { return process_; }

  struct Entry {
    std::string key;
    std::string help;
    std::string expected;      // "an integer from 1 to 65535"
    std::string default_text;  // as YAML
    enum class Shape { kScalar, kList, kMap } shape = Shape::kScalar;
    bool is_bool = false;
    // Exactly one is called, by shape. The error says only what is wrong with the value.
    std::function<absl::Status(std::string_view)> set_scalar;
    std::function<absl::Status(std::vector<std::string>)> set_list;
    std::function<absl::Status(std::vector<std::pair<std::string, std::string>>)> set_map;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::string process_;
  std::vector<Entry> entries_;
};

struct LoadedConfig {
  // development, test, staging or production.
  std::string profile;
  // --help or --print-config was given: print `output` and end with success.
  bool exit_early = false;
  std::string output;
};

// Reads file, .env, environment and flags into the schema's variables. Flags besides the keys:
// --config FILE, --profile NAME (also STOCKROOM_PROFILE), --print-config, --help.
// INVALID_ARGUMENT says file:line, key, and what was expected.
absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSchema& schema, int argc,
                                        const char* const* argv);

// True for host:port whose host is loopback (127.0.0.0/8, ::1, localhost).
bool IsLoopbackAddress(std::string_view host_port);

// Invariant of the front door: anything but loopback without authentication needs
// `allow_anonymous`.
absl::Status CheckMayBind(std::string_view key, std::string_view host_port, bool allow_anonymous);

// host:port split; IPv6 hosts in brackets. INVALID_ARGUMENT says what is expected.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

}  // namespace stockroom
