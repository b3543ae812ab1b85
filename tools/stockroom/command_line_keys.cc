#include "absl/strings/numbers.h"
#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {
namespace {

// Days, too, as keys live long.
bool ReadLifetime(const std::string& text, absl::Duration* out) {
  int64_t days = 0;
  if (text.ends_with('d') && absl::SimpleAtoi(text.substr(0, text.size() - 1), &days)) {
    if (days < 1 || days > 36'500) return false;
    *out = absl::Hours(24) * days;
    return true;
  }
  return absl::ParseDuration(text, out) && *out > absl::ZeroDuration() &&
         *out <= absl::Hours(24) * 36'500;
}

CLI::Validator Lifetime() {
  return CLI::Validator(
      [](std::string& value) {
        absl::Duration ignored;
        return ReadLifetime(value, &ignored) ? std::string()
                                             : std::string("must be like 90d or 12h");
      },
      "");
}

}  // namespace

void AddKeys(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("keys", "API keys: list, create, revoke");
  app.footer(kKeysExamples);
  KeysArgs& args = to.keys;
  Text(app, "action", "list, create or revoke", "ACTION",
       [&](const std::string& v) { args.action = v; })
      ->required()
      ->check(OneOf(kKeyActions));
  Many(app, "id", "keys to revoke", "ID", [&](const std::string& v) {
    args.ids.push_back(v);
  })->expected(-1);
  Text(app, "--subject", "create: whom the key stands for", "NAME",
       [&](const std::string& v) { args.subject = v; });
  Text(app, "--role", "create: viewer, uploader (the usual), moderator or admin", "ROLE",
       [&](const std::string& v) { args.role = v; })
      ->check(OneOf(kRoles));
  Many(app, "--scope", "create: only this of what the role may; may be given several times",
       "SCOPE", [&](const std::string& v) { args.scopes.push_back(v); });
  Text(app, "--label", "create: what it is for", "TEXT",
       [&](const std::string& v) { args.label = v; });
  Text(app, "--expires", "create: ends after that time, as in 90d", "TIME",
       [&](const std::string& v) {
         absl::Duration lifetime;
         if (ReadLifetime(v, &lifetime)) args.lifetime = lifetime;
       })
      ->check(Lifetime());
  app.add_flag("-y,--yes", args.yes, "revoke without asking");

  root.add_subcommand("whoami", "Who the server takes you for, and what you may do");

  CLI::App& sign = *root.add_subcommand("sign", "Sign picture URLs, for recipes of one's own");
  sign.footer(kSignExamples);
  Text(sign, "--key-file", "the api's file of signing keys; its first key signs", "FILE",
       [&to](const std::string& v) { to.sign.key_file = v; })
      ->required();
  Many(sign, "path", "what follows the server's name, as /i/ID/RECIPE.jpg", "PATH",
       [&to](const std::string& v) { to.sign.paths.push_back(v); })
      ->required()
      ->expected(-1);
  Text(sign, "--expires", "good for that time, as in 1h or 90d (for ever)", "TIME",
       [&to](const std::string& v) {
         absl::Duration lifetime;
         if (ReadLifetime(v, &lifetime)) to.sign.lifetime = lifetime;
       })
      ->check(Lifetime());
}

}  // namespace stockroom::cli
