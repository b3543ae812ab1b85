#include "services/common/base/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

absl::Status Bad(std::string_view what) { return InvalidArgument("BAD_CONFIG_VALUE", what); }

// "64KiB" -> 65536. Plain digits stay as they are.
bool ParseInteger(std::string_view text, int64_t* out) {
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}, {"TiB", 1LL << 40}};
  int64_t unit = 1;
  for (const auto& [suffix, factor] : kUnits) {
    if (text.size() > suffix.size() && text.ends_with(suffix)) {
      text.remove_suffix(suffix.size());
      unit = factor;
      break;
    }
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  return !__builtin_mul_overflow(value, unit, out);
}

// A value as YAML that reads back as the same text.
std::string Quoted(std::string_view text) {
  return "\"" + absl::StrReplaceAll(Av(text), {{"\\", "\\\\"}, {"\"", "\\\""}}) + "\"";
}

}  // namespace

void ConfigSchema::Text(std::string key, std::string* value, std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help), .expected = "text"};
  entry.default_text = Quoted(*value);
  entry.set_scalar = [value](std::string_view text) {
    *value = std::string(text);
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::Choice(std::string key, std::string* value, std::vector<std::string> choices,
                          std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help)};
  entry.expected = "one of " + absl::StrJoin(choices, ", ");
  entry.default_text = *value;
  entry.set_scalar = [value, choices = std::move(choices)](std::string_view text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return Bad("no such choice");
    }
    *value = std::string(text);
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::Integer(std::string key, int64_t* value, int64_t min, int64_t max,
                           std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help)};
  entry.expected = "an integer from " + std::to_string(min) + " to " + std::to_string(max) +
                   " (KiB, MiB, GiB and TiB may follow)";
  entry.default_text = std::to_string(*value);
  entry.set_scalar = [value, min, max](std::string_view text) {
    int64_t parsed = 0;
    if (!ParseInteger(text, &parsed)) return Bad("not an integer");
    if (parsed < min || parsed > max) return Bad("out of range");
    *value = parsed;
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::Real(std::string key, double* value, double min, double max, std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help)};
  entry.expected = absl::StrCat("a number from ", min, " to ", max);
  entry.default_text = absl::StrCat(*value);
  entry.set_scalar = [value, min, max](std::string_view text) {
    double parsed = 0;
    if (!absl::SimpleAtod(Av(text), &parsed) || std::isnan(parsed)) return Bad("not a number");
    if (parsed < min || parsed > max) return Bad("out of range");
    *value = parsed;
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::Boolean(std::string key, bool* value, std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help), .expected = "true or false"};
  entry.default_text = *value ? "true" : "false";
  entry.is_bool = true;
  entry.set_scalar = [value](std::string_view text) {
    if (text != "true" && text != "false") return Bad("not a truth value");
    *value = text == "true";
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::Duration(std::string key, absl::Duration* value, absl::Duration min,
                            absl::Duration max, std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help)};
  entry.expected = "a duration from " + absl::FormatDuration(min) + " to " +
                   absl::FormatDuration(max) + ", such as 250ms, 30s or 5m";
  entry.default_text = absl::FormatDuration(*value);
  entry.set_scalar = [value, min, max](std::string_view text) {
    absl::Duration parsed;
    if (!absl::ParseDuration(Av(text), &parsed)) return Bad("not a duration");
    if (parsed < min || parsed > max) return Bad("out of range");
    *value = parsed;
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::TextList(std::string key, std::vector<std::string>* value, std::string help) {
  Entry entry{.key = std::move(key), .help = std::move(help), .expected = "a list of texts"};
  entry.shape = Entry::Shape::kList;
  entry.default_text =
      "[" +
      absl::StrJoin(*value, ", ",
                    [](std::string* out, const std::string& item) { out->append(Quoted(item)); }) +
      "]";
  entry.set_list = [value](std::vector<std::string> items) {
    *value = std::move(items);
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

void ConfigSchema::TextMap(std::string key, std::vector<std::pair<std::string, std::string>>* value,
                           std::string help) {
  Entry entry{
      .key = std::move(key), .help = std::move(help), .expected = "a mapping of name: text"};
  entry.shape = Entry::Shape::kMap;
  entry.default_text =
      "{" +
      absl::StrJoin(*value, ", ",
                    [](std::string* out, const std::pair<std::string, std::string>& item) {
                      out->append(item.first + ": " + Quoted(item.second));
                    }) +
      "}";
  entry.set_map = [value](std::vector<std::pair<std::string, std::string>> items) {
    *value = std::move(items);
    return absl::OkStatus();
  };
  entries_.push_back(std::move(entry));
}

std::string ConfigSchema::DefaultFile() const {
  std::string out = "# Stockroom " + process_ +
                    ": every setting with its default. Later wins: this file, its section\n"
                    "# profiles.<profile>, .env, the environment (STOCKROOM_" +
                    absl::AsciiStrToUpper(process_) + "_<KEY>), flags (--key=value).\n";
  std::string section;
  for (const Entry& entry : entries_) {
    const size_t dot = entry.key.find('.');
    const std::string group = dot == std::string::npos ? "" : entry.key.substr(0, dot);
    if (group != section) {
      section = group;
      if (!group.empty()) out += "\n" + group + ":\n";
    }
    const std::string indent = group.empty() ? "" : "  ";
    out += indent + "# " + entry.help + " Expects " + entry.expected + ".\n";
    out += indent + (dot == std::string::npos ? entry.key : entry.key.substr(dot + 1)) + ": " +
           entry.default_text + "\n";
  }
  return out;
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument("BAD_ADDRESS", "'" + std::string(text) +
                                              "' is not host:port, such as 127.0.0.1:8080 or "
                                              "[::1]:8080");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']' && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  int port = -1;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < 0 || port > 65535) {
    return bad();
  }
  return HostPort{std::string(host), port};
}

bool IsLoopbackAddress(std::string_view host_port) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(host_port);
  if (!parsed.ok()) return false;
  if (parsed->host == "::1" || parsed->host == "localhost") return true;
  // Four decimal parts, the first 127. A name such as 127.evil.example is not an address.
  int parts = 0;
  int first = -1;
  for (std::string_view rest = parsed->host; parts < 4; ++parts) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 0 || value > 255) {
      return false;
    }
    if (parts == 0) first = value;
    if (dot == std::string_view::npos) return parts == 3 && first == 127;
    rest.remove_prefix(dot + 1);
  }
  return false;
}

absl::Status CheckMayBind(std::string_view key, std::string_view host_port, bool allow_anonymous) {
  SR_RETURN_IF_ERROR(Annotate(ParseHostPort(host_port).status(), key));
  if (allow_anonymous || IsLoopbackAddress(host_port)) return absl::OkStatus();
  return InvalidArgument(
      "ANONYMOUS_BIND",
      std::string(key) + " is " + std::string(host_port) +
          ", which other machines can reach, and nothing checks who they are. Bind 127.0.0.1, or "
          "give --allow_anonymous=true if that is what you want");
}

}  // namespace stockroom
