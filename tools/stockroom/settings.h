// Where the cluster is and who is asking. Later wins: built-in default, config.yaml, environment,
// flags.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom::cli {

struct Settings {
  // gRPC addresses, host:port. Commands use the first; `status` asks all.
  std::vector<std::string> addresses = {"127.0.0.1:50051"};
  // Base URL of the REST gateway, without a slash at the end.
  std::string gateway = "http://127.0.0.1:8080";
  // API key or token. Secret: never printed, never in a file that this program writes.
  std::string api_key;
  bool tls = false;
  // PEM file of the authorities to trust instead of the system's.
  std::string ca_file;
  // The key may travel unencrypted to other machines.
  bool plaintext_key = false;
  // Longest wait for one answer; uploads and downloads get more by their size.
  absl::Duration timeout = absl::Seconds(30);

  const std::string& address() const { return addresses.front(); }
};

// What one source says; unset means that it says nothing.
struct PartialSettings {
  std::optional<std::string> addresses;  // separated by commas
  std::optional<std::string> gateway;
  std::optional<std::string> api_key;
  // File that holds it; wins over api_key of the same source. See ReadTokenFile.
  std::optional<std::string> token_file;
  std::optional<bool> tls;
  std::optional<std::string> ca_file;
  std::optional<bool> plaintext_key;
  std::optional<std::string> timeout;
};

using EnvironmentFn = std::function<std::optional<std::string>(const char*)>;

// The keys address (a name or a list), gateway, api_key, token_file, tls, ca, plaintext_key,
// timeout. INVALID_ARGUMENT names `path`, the key and what is expected; never a value.
absl::StatusOr<PartialSettings> ParseConfigFile(std::string_view yaml, const std::string& path);

// STOCKROOM_ADDRESS, STOCKROOM_GATEWAY, STOCKROOM_TOKEN or STOCKROOM_API_KEY, STOCKROOM_TOKEN_FILE,
// STOCKROOM_TLS, STOCKROOM_CA.
PartialSettings FromEnvironment(const EnvironmentFn& environment);

// Puts what `token_file` holds ("-": standard input), without white space at the ends, into
// api_key. INVALID_ARGUMENT: it can not be read, is empty or longer than 64 KiB. Its content is in
// no message.
absl::Status ReadTokenFile(PartialSettings& settings);

// $XDG_CONFIG_HOME or ~/.config, then stockroom/config.yaml; "" without a home.
std::string DefaultConfigPath(const EnvironmentFn& environment);
// $XDG_CACHE_HOME or ~/.cache, then stockroom/uploads.db; "" without a home.
std::string DefaultJournalPath(const EnvironmentFn& environment);

// INVALID_ARGUMENT: what a value should be; FAILED_PRECONDITION: a key would travel unencrypted.
absl::StatusOr<Settings> Combine(const PartialSettings& file, const PartialSettings& environment,
                                 const PartialSettings& flags);

}  // namespace stockroom::cli
