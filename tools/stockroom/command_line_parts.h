// What the descriptions of commands are made of. Only the sources command_line*.cc know CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tools/stockroom/command_line.h"

namespace stockroom::cli {

inline const std::vector<std::string> kKeyActions = {"list", "create", "revoke"};
inline const std::vector<std::string> kRoles = {"viewer", "uploader", "moderator", "admin"};

inline const std::vector<std::string> kEventTypes = {"created", "updated", "ready",    "failed",
                                                     "deleted", "flagged", "approved", "rejected"};
inline const std::vector<std::string> kDeliveryStates = {"pending", "delivered", "dead"};

inline const std::vector<std::string> kOrders = {"relevance", "newest",  "popular",
                                                 "largest",   "similar", "random"};
inline const std::vector<std::string> kFacets = {"tag",     "format", "license", "year",
                                                 "camera",  "lens",   "color",   "orientation",
                                                 "dataset", "owner",  "state"};

inline CLI::Validator OneOf(const std::vector<std::string>& words) {
  return CLI::Validator(
      [words](std::string& value) {
        if (std::find(words.begin(), words.end(), value) != words.end()) return std::string();
        return absl::StrCat("must be one of ", absl::StrJoin(words, ", "));
      },
      "");
}

inline CLI::Validator KeyValue() {
  return CLI::Validator(
      [](std::string& value) {
        const size_t at = value.find('=');
        return at == std::string::npos || at == 0 ? std::string("must be KEY=VALUE")
                                                  : std::string();
      },
      "");
}

inline CLI::Validator DurationText() {
  return CLI::Validator(
      [](std::string& value) {
        absl::Duration d;
        return absl::ParseDuration(value, &d) && d >= absl::ZeroDuration() && d < absl::Hours(720)
                   ? std::string()
                   : std::string("must be like 500ms, 30s or 5m");
      },
      "");
}

// CLI11 takes "[a,b]" for a list. A mark in front keeps arguments that begin so as they are.
inline constexpr char kMark = '\x01';

inline std::string Marked(const char* argument) {
  return argument[0] == '[' ? kMark + std::string(argument) : std::string(argument);
}

inline std::string Unmarked(const std::string& value) {
  return value.starts_with(kMark) ? value.substr(1) : value;
}

using Setter = std::function<void(const std::string&)>;

inline CLI::Option* Text(CLI::App& app, const std::string& name, const std::string& help,
                         const std::string& placeholder, Setter set) {
  return app
      .add_option_function<std::string>(
          name, [set = std::move(set)](const std::string& value) { set(Unmarked(value)); }, help)
      ->type_name(placeholder);
}

inline CLI::Option* Many(CLI::App& app, const std::string& name, const std::string& help,
                         const std::string& placeholder, Setter set) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [set = std::move(set)](const std::vector<std::string>& values) {
            for (const std::string& value : values) set(Unmarked(value));
          },
          help)
      ->type_name(placeholder)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      // One value each time it is given: what stands behind it is not another tag, but a file.
      ->allow_extra_args(false);
}

template <typename Args>
void AddLimit(CLI::App& app, Args& args) {
  app.add_option("-n,--limit", args.limit, "most images to show (50)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("N");
  app.add_flag_callback(
      "--all", [&args] { args.limit = 0; }, "every one, page after page");
}

void AddSearch(CLI::App& root, Invocation& to);
// command_line_reading.cc: suggest, similar, list, show, get.
void AddReading(CLI::App& root, Invocation& to);
// command_line_keys.cc: keys, whoami, sign.
void AddKeys(CLI::App& root, Invocation& to);
void AddWebhooks(CLI::App& root, Invocation& to);
// command_line_uploads.cc: uploads, original-url.
void AddUploads(CLI::App& root, Invocation& to);
void AddModeration(CLI::App& root, Invocation& to);
void AddAdmin(CLI::App& root, Invocation& to);

}  // namespace stockroom::cli
