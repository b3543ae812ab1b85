// admin: verify-index, rebuild-index, index.
#include "absl/strings/str_cat.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

int VerifyIndex(const Program& program, Client& client) {
  const absl::StatusOr<v1::VerifyIndexResponse> answer = client.VerifyIndex();
  if (!answer.ok()) return program.Fail(answer.status());
  const bool equal = answer->index_sum() == answer->database_sum() && answer->differing() == 0;
  Output& out = program.out;
  if (out.json()) {
    nlohmann::ordered_json record = ToJson(*answer);
    record["type"] = "verdict";
    record["equal"] = equal;
    out.Json(record);
  } else {
    out.Line(absl::StrCat("database  ", OneLine(answer->database_sum()), "  ",
                          Plural(answer->images(), "image")));
    out.Line(absl::StrCat("index     ", OneLine(answer->index_sum()), "  at feed position ",
                          answer->feed_position()));
    for (const std::string& id : answer->ids()) {
      out.Line(absl::StrCat("differs   ", OneLine(id)));
    }
    if (equal) out.Note("the index holds what the database holds");
  }
  if (equal) return program.Ended();
  out.Error(absl::StrCat("the index differs from the database in ",
                         Plural(answer->differing(), "image"),
                         "; stockroom admin rebuild-index builds it anew"));
  return kExitFailed;
}

int RebuildIndex(const Program& program, Client& client) {
  const absl::StatusOr<v1::RebuildIndexResponse> answer = client.RebuildIndex();
  if (!answer.ok()) return program.Fail(answer.status());
  if (program.out.json()) {
    nlohmann::ordered_json record = ToJson(*answer);
    record["type"] = "rebuilt";
    program.out.Json(record);
  } else {
    program.out.Line(absl::StrCat(Plural(answer->images(), "image"), " in ",
                                  HumanDuration(absl::Milliseconds(answer->milliseconds()))));
  }
  return program.Ended();
}

// Programs count, people compare.
std::string BytesText(const Output& out, int64_t bytes) {
  return out.options().out_is_terminal ? HumanBytes(bytes) : absl::StrCat(bytes);
}

int ShowIndex(const Program& program, Client& client) {
  const absl::StatusOr<v1::IndexInfo> info = client.IndexInfo();
  if (!info.ok()) return program.Fail(info.status());
  Output& out = program.out;
  if (out.json()) {
    nlohmann::ordered_json record = ToJson(*info);
    record["type"] = "index";
    out.Json(record);
    return program.Ended();
  }
  Table table(out, {{.title = "PART", .min_width = 12},
                    {.title = "BYTES", .min_width = 8, .right = true},
                    {.title = "AN IMAGE", .min_width = 8, .right = true},
                    {.title = "WHERE", .min_width = 6}});
  int64_t memory = 0;
  const auto row = [&](const std::string& name, int64_t bytes, const char* where) {
    const std::string each = info->images() == 0 ? "" : absl::StrCat(bytes / info->images());
    table.Add({name, BytesText(out, bytes), each, where});
  };
  for (const v1::IndexInfo::Part& part : info->parts()) {
    row(part.name(), part.bytes(), part.is_file() ? "file" : "memory");
    if (!part.is_file()) memory += part.bytes();
  }
  row("in memory", memory, "memory");
  table.Flush();
  std::string about =
      absl::StrCat(HumanCount(info->images()), " images at feed position ", info->feed_position());
  if (info->budget_bytes() > 0) {
    absl::StrAppend(&about, "; the budget is ", HumanBytes(info->budget_bytes()));
  }
  out.Note(about);
  return program.Ended();
}

}  // namespace

int RunAdmin(const Program& program, Client& client, const AdminArgs& args) {
  if (args.action == "verify-index") return VerifyIndex(program, client);
  if (args.action == "rebuild-index") return RebuildIndex(program, client);
  return ShowIndex(program, client);
}

}  // namespace stockroom::cli
