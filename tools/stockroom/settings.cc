#include "tools/stockroom/settings.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/common/base/config.h"
#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

// Tokens of some identity providers are several KiB.
constexpr size_t kLongestToken = 64 << 10;

std::string HomeFolder(const EnvironmentFn& environment, const char* variable,
                       const std::string& below_home) {
  const std::optional<std::string> own = environment(variable);
  if (own && !own->empty()) return *own;
  const std::optional<std::string> home = environment("HOME");
  return home && !home->empty() ? *home + below_home : "";
}

absl::Status Wrong(const std::string& path, const std::string& key, std::string_view expected) {
  return InvalidArgument("BAD_CONFIG",
                         absl::StrCat(path, ": ", key, " must be ", std::string(expected)));
}

absl::Status ReadEntry(const std::string& key, const YAML::Node& value, const std::string& path,
                       PartialSettings& out) {
  const auto text = [&](std::optional<std::string>& field) {
    if (!value.IsScalar()) return Wrong(path, key, "text");
    field = value.as<std::string>();
    return absl::OkStatus();
  };
  const auto flag = [&](std::optional<bool>& field) {
    bool read = false;
    if (!value.IsScalar() || !YAML::convert<bool>::decode(value, read)) {
      return Wrong(path, key, "true or false");
    }
    field = read;
    return absl::OkStatus();
  };
  if (key == "address") {
    if (!value.IsSequence()) return text(out.addresses);
    std::vector<std::string> all;
    for (const YAML::Node& one : value) {
      if (!one.IsScalar()) return Wrong(path, key, "host:port or a list of them");
      all.push_back(one.as<std::string>());
    }
    out.addresses = absl::StrJoin(all, ",");
    return absl::OkStatus();
  }
  if (key == "gateway") return text(out.gateway);
  if (key == "api_key") return text(out.api_key);
  if (key == "token_file") return text(out.token_file);
  if (key == "tls") return flag(out.tls);
  if (key == "ca") return text(out.ca_file);
  if (key == "plaintext_key") return flag(out.plaintext_key);
  if (key == "timeout") return text(out.timeout);
  return InvalidArgument("BAD_CONFIG",
                         absl::StrCat(path, ": unknown key ", key,
                                      "; known are address, gateway, api_key, token_file, "
                                      "tls, ca, plaintext_key and timeout"));
}

template <typename T>
void Override(std::optional<T>& lower, const std::optional<T>& higher) {
  if (higher) lower = higher;
}

absl::Status ReadAddresses(const std::string& text, Settings& out) {
  out.addresses.clear();
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::string address(absl::StripAsciiWhitespace(part));
    // gRPC names such as dns:///api:50051 are passed on as they are.
    if (!absl::StrContains(address, "://") && !absl::StartsWith(address, "unix:")) {
      const absl::StatusOr<HostPort> read = ParseHostPort(address);
      if (!read.ok()) {
        return InvalidArgument("BAD_ADDRESS", absl::StrCat("the address must be host:port: ",
                                                           std::string(read.status().message())));
      }
    }
    out.addresses.push_back(address);
  }
  if (out.addresses.empty()) return InvalidArgument("BAD_ADDRESS", "the address is empty");
  return absl::OkStatus();
}

// The host of http://host:port/path as host:80, for the loopback check.
std::string HostOf(std::string_view url) {
  const absl::string_view rest = absl::StripPrefix(
      absl::StripPrefix(absl::string_view(url.data(), url.size()), "http://"), "https://");
  const std::string authority(rest.substr(0, rest.find('/')));
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.back() != ']' &&
                        authority.find(']', colon) == std::string::npos;
  return has_port ? authority : authority + ":80";
}

absl::Status CheckKeyIsSafe(const Settings& settings) {
  if (settings.api_key.empty() || settings.plaintext_key) return absl::OkStatus();
  std::string exposed;
  for (const std::string& address : settings.addresses) {
    if (!settings.tls && !IsLoopbackAddress(address)) exposed = address;
  }
  if (!absl::StartsWith(settings.gateway, "https://") &&
      !IsLoopbackAddress(HostOf(settings.gateway))) {
    exposed = settings.gateway;
  }
  if (exposed.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the API key would travel unencrypted to ", exposed,
                   "; use --tls (https:// for the gateway), or --plaintext-key if that network "
                   "is yours"));
}

}  // namespace

absl::StatusOr<PartialSettings> ParseConfigFile(std::string_view yaml, const std::string& path) {
  PartialSettings out;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (root.IsNull()) return out;
    if (!root.IsMap()) return Wrong(path, "the file", "a list of key: value lines");
    for (const auto& entry : root) {
      SR_RETURN_IF_ERROR(ReadEntry(entry.first.as<std::string>(), entry.second, path, out));
    }
  } catch (const YAML::Exception& error) {
    return InvalidArgument("BAD_CONFIG",
                           absl::StrCat(path, ":", error.mark.line + 1, ": not YAML: ", error.msg));
  }
  return out;
}

PartialSettings FromEnvironment(const EnvironmentFn& environment) {
  const auto text = [&](const char* name) -> std::optional<std::string> {
    std::optional<std::string> value = environment(name);
    return value && value->empty() ? std::nullopt : value;
  };
  PartialSettings out;
  out.addresses = text("STOCKROOM_ADDRESS");
  out.gateway = text("STOCKROOM_GATEWAY");
  out.api_key = text("STOCKROOM_TOKEN");
  if (!out.api_key) out.api_key = text("STOCKROOM_API_KEY");
  out.token_file = text("STOCKROOM_TOKEN_FILE");
  out.ca_file = text("STOCKROOM_CA");
  if (const auto tls = text("STOCKROOM_TLS")) out.tls = *tls == "1" || *tls == "true";
  return out;
}

absl::Status ReadTokenFile(PartialSettings& settings) {
  if (!settings.token_file) return absl::OkStatus();
  const bool standard = *settings.token_file == "-";
  const std::string name = standard ? "standard input" : *settings.token_file;
  std::ifstream file;
  if (!standard) file.open(*settings.token_file, std::ios::binary);
  std::istream& in = standard ? std::cin : file;
  std::string token(kLongestToken + 1, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<size_t>(in.gcount()));
  if (in.bad() || (!standard && !file.is_open())) {
    return InvalidArgument("BAD_KEY", name + " can not be read");
  }
  if (token.size() > kLongestToken) return InvalidArgument("BAD_KEY", name + " is too long");
  absl::StripAsciiWhitespace(&token);
  if (token.empty()) return InvalidArgument("BAD_KEY", name + " holds no API key or token");
  settings.api_key = std::move(token);
  return absl::OkStatus();
}

std::string DefaultConfigPath(const EnvironmentFn& environment) {
  const std::string folder = HomeFolder(environment, "XDG_CONFIG_HOME", "/.config");
  return folder.empty() ? "" : folder + "/stockroom/config.yaml";
}

std::string DefaultJournalPath(const EnvironmentFn& environment) {
  const std::string folder = HomeFolder(environment, "XDG_CACHE_HOME", "/.cache");
  return folder.empty() ? "" : folder + "/stockroom/uploads.db";
}

absl::StatusOr<Settings> Combine(const PartialSettings& file, const PartialSettings& environment,
                                 const PartialSettings& flags) {
  PartialSettings all = file;
  for (const PartialSettings* next : {&environment, &flags}) {
    Override(all.addresses, next->addresses);
    Override(all.gateway, next->gateway);
    Override(all.api_key, next->api_key);
    Override(all.tls, next->tls);
    Override(all.ca_file, next->ca_file);
    Override(all.plaintext_key, next->plaintext_key);
    Override(all.timeout, next->timeout);
  }
  Settings out;
  if (all.addresses) SR_RETURN_IF_ERROR(ReadAddresses(*all.addresses, out));
  if (all.gateway) out.gateway = std::string(absl::StripSuffix(*all.gateway, "/"));
  if (!absl::StartsWith(out.gateway, "http://") && !absl::StartsWith(out.gateway, "https://")) {
    return InvalidArgument("BAD_GATEWAY", "the gateway must be a URL, http://host:port");
  }
  out.api_key = all.api_key.value_or("");
  for (const unsigned char c : out.api_key) {
    if (c <= 0x20 || c >= 0x7F) {
      return InvalidArgument("BAD_KEY",
                             "the API key holds blanks or characters that are not ASCII");
    }
  }
  out.ca_file = all.ca_file.value_or("");
  out.tls = all.tls.value_or(false) || !out.ca_file.empty();
  out.plaintext_key = all.plaintext_key.value_or(false);
  if (all.timeout) {
    const bool plain_number = !all.timeout->empty() && absl::ascii_isdigit(all.timeout->back());
    if (!absl::ParseDuration(plain_number ? *all.timeout + "s" : *all.timeout, &out.timeout) ||
        out.timeout < absl::Milliseconds(1) || out.timeout > absl::Hours(24)) {
      return InvalidArgument("BAD_TIMEOUT", "the timeout must be like 500ms, 30s or 5m");
    }
  }
  SR_RETURN_IF_ERROR(CheckKeyIsSafe(out));
  return out;
}

}  // namespace stockroom::cli
