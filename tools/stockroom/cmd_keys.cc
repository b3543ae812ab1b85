// keys, whoami: who may do what.
#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int32_t kPage = 200;

using google::protobuf::util::TimeUtil;

std::string StateOf(const v1::ApiKey& key) {
  if (key.has_revoke_time()) return "revoked";
  if (!key.has_expire_time()) return "good";
  const absl::Time end = absl::FromUnixSeconds(key.expire_time().seconds());
  return end <= absl::Now() ? "expired"
                            : "until " + absl::FormatTime("%Y-%m-%d", end, absl::UTCTimeZone());
}

int List(const Program& program, Client& client) {
  Table table(program.out, {{.title = "ID", .min_width = 36},
                            {.title = "BEGINS", .min_width = 10},
                            {.title = "STATE", .min_width = 8},
                            {.title = "ROLE", .min_width = 8},
                            {.title = "SUBJECT", .min_width = 12, .flexible = true},
                            {.title = "SCOPES", .min_width = 6, .flexible = true},
                            {.title = "LABEL", .min_width = 8, .flexible = true}});
  v1::ListApiKeysRequest request;
  request.set_page_size(kPage);
  do {
    const absl::StatusOr<v1::ListApiKeysResponse> page = client.ListKeys(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::ApiKey& key : page->keys()) {
      if (program.out.json()) {
        program.out.Json(ToJson(key));
        continue;
      }
      const std::string state = StateOf(key);
      const bool over = state == "revoked" || state == "expired";
      table.Add({key.id(), key.prefix(), state, key.role(), key.subject(),
                 absl::StrJoin(key.scopes(), ","), key.label()},
                over ? Style::kDim : Style::kPlain);
    }
    table.Flush();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && !program.out.closed() && program.out.error().ok());
  return kExitOk;
}

int Create(const Program& program, Client& client, const KeysArgs& args) {
  v1::CreateApiKeyRequest request;
  request.set_subject(args.subject);
  request.set_role(args.role);
  for (const std::string& scope : args.scopes) request.add_scopes(scope);
  request.set_label(args.label);
  if (args.lifetime) {
    *request.mutable_expire_time() =
        TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(absl::Now() + *args.lifetime));
  }
  const absl::StatusOr<v1::CreateApiKeyResponse> made = client.CreateKey(request);
  if (!made.ok()) return program.Fail(made.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*made));
  } else {
    // Alone on standard output, so that it can go straight to a file.
    program.out.Line(OneLine(made->secret()));
    program.out.Note(absl::StrCat("key ", OneLine(made->key().id()), " for ",
                                  OneLine(made->key().subject()), ", ", OneLine(made->key().role()),
                                  "; the secret is not shown again"));
  }
  if (program.out.error().ok()) return kExitOk;
  // Nobody has the secret: whoever reads this can revoke the key.
  program.out.Error(absl::StrCat(std::string(program.out.error().message()), "; revoke the key ",
                                 OneLine(made->key().id()), " and make another"));
  return kExitFailed;
}

int Revoke(const Program& program, Client& client, const KeysArgs& args) {
  if (!args.yes) {
    if (!program.confirm) {
      return program.Fail(
          InvalidArgument("NOT_CONFIRMED", "revoking is for ever; --yes says that it is meant"));
    }
    if (!program.confirm("Revoke " + OneLine(absl::StrJoin(args.ids, ", ")) + "? [y/N] ")) {
      return kExitFailed;
    }
  }
  std::vector<ExitCode> codes;
  for (const std::string& id : args.ids) {
    if (program.stop->cancelled()) break;
    const absl::StatusOr<v1::ApiKey> key = client.RevokeKey(id);
    codes.push_back(ExitCodeOf(key.status()));
    if (!key.ok()) {
      program.Fail(key.status());
    } else if (program.out.json()) {
      program.out.Json(ToJson(*key));
    } else {
      program.out.Line("revoked " + OneLine(id));
    }
  }
  return CombinedExitCode(codes);
}

}  // namespace

int RunKeys(const Program& program, Client& client, const KeysArgs& args) {
  const bool of_create = !args.subject.empty() || !args.role.empty() || !args.scopes.empty() ||
                         !args.label.empty() || args.lifetime;
  if (args.action != "create" && of_create) {
    return program.Fail(InvalidArgument("NOT_CREATING",
                                        "--subject, --role, --scope, --label and "
                                        "--expires are for keys create"));
  }
  if ((args.action == "revoke") == args.ids.empty()) {
    return program.Fail(
        InvalidArgument("WRONG_ARGUMENTS", args.ids.empty() ? "say which: stockroom keys revoke ID"
                                                            : "only keys revoke takes ids"));
  }
  if (args.action == "list") return List(program, client);
  if (args.action == "revoke") return Revoke(program, client, args);
  if (args.subject.empty()) {
    return program.Fail(
        InvalidArgument("NO_SUBJECT", "say whom the key stands for: --subject NAME"));
  }
  return Create(program, client, args);
}

int RunWhoAmI(const Program& program, Client& client) {
  const absl::StatusOr<v1::WhoAmIResponse> who = client.WhoAmI();
  if (!who.ok()) return program.Fail(who.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*who));
    return kExitOk;
  }
  Output& out = program.out;
  out.Line(absl::StrCat(out.Paint(Style::kBold, OneLine(who->subject())),
                        who->anonymous() ? "  (no key or token was shown)" : ""));
  out.Line(absl::StrCat("may       ", OneLine(absl::StrJoin(who->scopes(), ", "))));
  if (!who->key_id().empty()) out.Line("by key    " + OneLine(who->key_id()));
  for (const auto& [name, value] :
       std::map<std::string, std::string>(who->attributes().begin(), who->attributes().end())) {
    out.Line(absl::StrCat("uploads   ", OneLine(name), " = ", OneLine(value)));
  }
  return kExitOk;
}

}  // namespace stockroom::cli
