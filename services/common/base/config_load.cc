// Where settings come from: file, profile, .env, environment, flags.
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/common/base/config.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

constexpr const char* kProfiles[] = {"development", "test", "staging", "production"};
using Entry = ConfigSchema::Entry;
using Pairs = std::vector<std::pair<std::string, std::string>>;

absl::Status Problem(const std::string& where, const std::string& key, const std::string& what) {
  return InvalidArgument("BAD_CONFIG", where + ": " + key + ": " + what);
}

absl::Status WrongValue(const std::string& where, const Entry& entry, const std::string& why) {
  return Problem(where, entry.key, why + "; expected " + entry.expected);
}

const Entry* Find(const ConfigSchema& schema, std::string_view key) {
  for (const Entry& entry : schema.entries()) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

// Levenshtein distance, for "did you mean".
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string UnknownKey(const ConfigSchema& schema, std::string_view key) {
  const Entry* best = nullptr;
  size_t best_distance = 4;
  for (const Entry& entry : schema.entries()) {
    const size_t distance = Distance(key, entry.key);
    if (distance < best_distance) {
      best = &entry;
      best_distance = distance;
    }
  }
  return best != nullptr ? "unknown key; did you mean " + best->key + "?"
                         : "unknown key; --print-config lists all of them";
}

// One value given as text, as environment and flags have it.
absl::Status SetFromText(const Entry& entry, const std::string& where, const std::string& text) {
  absl::Status status;
  switch (entry.shape) {
    case Entry::Shape::kScalar:
      status = entry.set_scalar(text);
      break;
    case Entry::Shape::kList:
      status = entry.set_list(absl::StrSplit(text, ',', absl::SkipWhitespace()));
      break;
    case Entry::Shape::kMap: {
      Pairs pairs;
      for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
        const std::pair<std::string, std::string> pair =
            absl::StrSplit(part, absl::MaxSplits('=', 1));
        pairs.push_back(pair);
      }
      status = entry.set_map(std::move(pairs));
      break;
    }
  }
  return status.ok() ? status : WrongValue(where, entry, std::string(Sv(status.message())));
}

// ---- YAML ---------------------------------------------------------------------------------------

class YamlReader {
 public:
  YamlReader(const ConfigSchema& schema, std::string file)
      : schema_(schema), file_(std::move(file)) {}

  absl::Status Apply(const YAML::Node& node, const std::string& prefix) {
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsMap()) {
      return Problem(Where(node), prefix.empty() ? "the file" : prefix, "expected a mapping");
    }
    std::set<std::string> seen;
    for (const auto& item : node) {
      const std::string name = item.first.as<std::string>();
      const std::string key = prefix.empty() ? name : prefix + "." + name;
      if (!seen.insert(name).second) return Problem(Where(item.first), key, "given twice");
      if (key == "profiles") continue;  // applied by the caller
      SR_RETURN_IF_ERROR(ApplyOne(item.first, item.second, key));
    }
    return absl::OkStatus();
  }

  std::string Where(const YAML::Node& node) const {
    return file_ + ":" + std::to_string(node.Mark().line + 1);
  }

 private:
  bool IsSection(const std::string& key) const {
    for (const Entry& entry : schema_.entries()) {
      if (entry.key.starts_with(key + ".")) return true;
    }
    return false;
  }

  absl::Status ApplyOne(const YAML::Node& name, const YAML::Node& value, const std::string& key) {
    const Entry* entry = Find(schema_, key);
    if (entry == nullptr) {
      if (IsSection(key)) return Apply(value, key);
      return Problem(Where(name), key, UnknownKey(schema_, key));
    }
    const auto wrong_shape = [&] { return WrongValue(Where(name), *entry, "wrong kind of value"); };
    absl::Status status;
    switch (entry->shape) {
      case Entry::Shape::kScalar:
        if (!value.IsScalar()) return wrong_shape();
        status = entry->set_scalar(value.Scalar());
        break;
      case Entry::Shape::kList: {
        if (!value.IsSequence()) return wrong_shape();
        std::vector<std::string> items;
        for (const auto& item : value) {
          if (!item.IsScalar()) return wrong_shape();
          items.push_back(item.Scalar());
        }
        status = entry->set_list(std::move(items));
        break;
      }
      case Entry::Shape::kMap: {
        if (!value.IsMap()) return wrong_shape();
        Pairs pairs;
        for (const auto& item : value) {
          if (!item.second.IsScalar()) return wrong_shape();
          pairs.emplace_back(item.first.as<std::string>(), item.second.Scalar());
        }
        status = entry->set_map(std::move(pairs));
        break;
      }
    }
    return status.ok() ? status
                       : WrongValue(Where(name), *entry, std::string(Sv(status.message())));
  }

  const ConfigSchema& schema_;
  const std::string file_;
};

absl::Status ApplyFile(const ConfigSchema& schema, const std::string& file,
                       const std::string& profile) {
  try {
    const YAML::Node root = YAML::LoadFile(file);
    YamlReader reader(schema, file);
    SR_RETURN_IF_ERROR(reader.Apply(root, ""));
    const YAML::Node profiles = root.IsMap() ? root["profiles"] : YAML::Node();
    if (!profiles) return absl::OkStatus();
    if (!profiles.IsMap()) return Problem(reader.Where(profiles), "profiles", "expected a mapping");
    for (const auto& item : profiles) {
      const std::string name = item.first.as<std::string>();
      if (std::find(std::begin(kProfiles), std::end(kProfiles), name) == std::end(kProfiles)) {
        return Problem(reader.Where(item.first), "profiles." + name,
                       "unknown profile; expected one of " + absl::StrJoin(kProfiles, ", "));
      }
      if (name == profile) SR_RETURN_IF_ERROR(reader.Apply(item.second, ""));
    }
    return absl::OkStatus();
  } catch (const YAML::BadFile&) {
    return InvalidArgument("BAD_CONFIG", file + ": can not be read");
  } catch (const YAML::Exception& e) {
    return InvalidArgument("BAD_CONFIG",
                           file + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
}

// ---- environment
// ----------------------------------------------------------------------------------

std::string EnvironmentPrefix(const ConfigSchema& schema) {
  return "STOCKROOM_" + absl::AsciiStrToUpper(schema.process()) + "_";
}

std::string EnvironmentName(const ConfigSchema& schema, const Entry& entry) {
  std::string name = EnvironmentPrefix(schema) + absl::AsciiStrToUpper(entry.key);
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

// Kubernetes puts such names into every container, for a Service called stockroom-api.
bool IsFromKubernetes(std::string_view name) {
  return name.find("_SERVICE_") != std::string_view::npos ||
         name.find("_PORT_") != std::string_view::npos || name.ends_with("_PORT");
}

absl::Status ApplyVariable(const ConfigSchema& schema, const std::string& where,
                           const std::string& name, const std::string& value) {
  if (!name.starts_with(EnvironmentPrefix(schema))) return absl::OkStatus();
  for (const Entry& entry : schema.entries()) {
    if (EnvironmentName(schema, entry) == name) {
      return SetFromText(entry, where + " " + name, value);
    }
  }
  if (IsFromKubernetes(name)) return absl::OkStatus();
  return Problem(where, name, "unknown setting; --print-config lists all of them");
}

// KEY=VALUE lines; blank lines and # comments; the value may stand in single or double quotes.
absl::StatusOr<std::vector<std::pair<int, std::pair<std::string, std::string>>>> ReadDotEnv(
    const std::string& file) {
  std::vector<std::pair<int, std::pair<std::string, std::string>>> variables;
  std::ifstream in(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::string_view text = Sv(absl::StripAsciiWhitespace(line));
    if (text.empty() || text.front() == '#') continue;
    if (text.starts_with("export ")) text.remove_prefix(7);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return InvalidArgument("BAD_CONFIG",
                             file + ":" + std::to_string(number) + ": expected NAME=value");
    }
    std::string_view value = text.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    variables.push_back({number, {std::string(text.substr(0, equals)), std::string(value)}});
  }
  return variables;
}

// ---- flags
// ------------------------------------------------------------------------------------------

struct Flags {
  std::string config_file;
  std::string profile;
  bool print_config = false;
  std::vector<std::pair<std::string, std::string>> settings;  // key, text
  std::string help;                                           // filled when asked for
};

absl::StatusOr<Flags> ParseFlags(const ConfigSchema& schema, int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("Stockroom " + schema.process());
  app.set_help_flag("--help", "Print this and end.");
  app.add_option("--config", flags.config_file, "YAML file with settings.");
  app.add_option("--profile", flags.profile, "development, test, staging or production.");
  app.add_flag("--print-config", flags.print_config, "Print a commented file with every default.");
  std::vector<std::string> values(schema.entries().size());
  std::vector<CLI::Option*> options;
  for (size_t i = 0; i < schema.entries().size(); ++i) {
    const Entry& entry = schema.entries()[i];
    CLI::Option* option = app.add_option("--" + entry.key, values[i], entry.help);
    if (entry.is_bool) option->expected(0, 1)->default_str("true");
    options.push_back(option);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    flags.help = app.help();
  } catch (const CLI::ParseError& e) {
    return InvalidArgument("BAD_CONFIG",
                           "command line: " + std::string(e.what()) + "; --help lists the flags");
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i]->count() == 0) continue;
    const bool bare = schema.entries()[i].is_bool && options[i]->results().front().empty();
    flags.settings.emplace_back(schema.entries()[i].key, bare ? "true" : values[i]);
  }
  return flags;
}

}  // namespace

absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSchema& schema, int argc,
                                        const char* const* argv) {
  LoadedConfig loaded;
  SR_ASSIGN_OR_RETURN(const Flags flags, ParseFlags(schema, argc, argv));
  if (!flags.help.empty() || flags.print_config) {
    loaded.exit_early = true;
    loaded.output = flags.print_config ? schema.DefaultFile() : flags.help;
    return loaded;
  }

  SR_ASSIGN_OR_RETURN(const auto dot_env, ReadDotEnv(".env"));
  loaded.profile = "development";
  for (const auto& [line, variable] : dot_env) {
    if (variable.first == "STOCKROOM_PROFILE") loaded.profile = variable.second;
  }
  if (const char* from_environment = std::getenv("STOCKROOM_PROFILE")) {
    loaded.profile = from_environment;
  }
  if (!flags.profile.empty()) loaded.profile = flags.profile;
  if (std::find(std::begin(kProfiles), std::end(kProfiles), loaded.profile) ==
      std::end(kProfiles)) {
    return InvalidArgument("BAD_CONFIG", "profile '" + loaded.profile + "': expected one of " +
                                             absl::StrJoin(kProfiles, ", "));
  }

  if (!flags.config_file.empty()) {
    SR_RETURN_IF_ERROR(ApplyFile(schema, flags.config_file, loaded.profile));
  }
  for (const auto& [line, variable] : dot_env) {
    SR_RETURN_IF_ERROR(
        ApplyVariable(schema, ".env:" + std::to_string(line), variable.first, variable.second));
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(*variable, absl::MaxSplits('=', 1));
    SR_RETURN_IF_ERROR(ApplyVariable(schema, "environment", pair.first, pair.second));
  }
  for (const auto& [key, text] : flags.settings) {
    SR_RETURN_IF_ERROR(SetFromText(*Find(schema, key), "flag --" + key, text));
  }
  return loaded;
}

}  // namespace stockroom
