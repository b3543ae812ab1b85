// moderation: list, approve, reject, reopen, log, hashes.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int kPage = 200;
// What the api takes in one call.
constexpr int kHashesPerCall = 10'000;

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time moment =
      absl::FromUnixMicros(google::protobuf::util::TimeUtil::TimestampToMicroseconds(time));
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", moment, absl::UTCTimeZone());
}

std::string ByText(const v1::Decision& decision) {
  switch (decision.by()) {
    case v1::PERSON:
      return decision.who();
    case v1::BLOCK_LIST:
      return "block list";
    case v1::EXTERNAL_MODERATOR:
      return "moderator";
    case v1::POLICY:
      return "no answer";
    default:
      return "";
  }
}

// Runs `fetch` for page after page until `limit` (0: all). `show` returns how many it showed.
template <typename Request, typename Fetch, typename Show>
int Pages(const Program& program, Request request, int64_t limit, Fetch fetch, Show show) {
  int64_t shown = 0;
  do {
    const int64_t left = limit == 0 ? kPage : limit - shown;
    request.set_page_size(static_cast<int>(std::min<int64_t>(left, kPage)));
    const auto page = fetch(request);
    if (!page.ok()) return program.Fail(page.status());
    shown += show(*page);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || shown < limit) &&
           !program.out.closed() && !program.stop->cancelled());
  return kExitOk;
}

int List(const Program& program, Client& client, const ModerationArgs& args) {
  v1::ListFlaggedRequest request;
  request.set_state(args.rejected ? v1::REJECTED : v1::FLAGGED);
  Table table(program.out, {{"ID"},
                            {"SINCE"},
                            {"BY", 5, false, true},
                            {"OWNER", 5, false, true},
                            {"TITLE", 8, false, true},
                            {"REASON", 10, false, true}});
  return Pages(
      program, request, args.limit,
      [&](const v1::ListFlaggedRequest& page) { return client.ListFlagged(page); },
      [&](const v1::ListFlaggedResponse& page) {
        for (const v1::FlaggedImage& one : page.images()) {
          if (program.out.json()) {
            program.out.Json(ToJson(one));
            continue;
          }
          table.Add({one.image().id(), TimeText(one.decision().time()), ByText(one.decision()),
                     one.image().owner(), one.image().title(), one.decision().reason()});
        }
        table.Flush();
        return page.images_size();
      });
}

int Log(const Program& program, Client& client, const ModerationArgs& args) {
  v1::ListDecisionsRequest request;
  request.set_image_id(args.id);
  Table table(
      program.out,
      {{"TIME"}, {"IMAGE"}, {"FROM"}, {"TO"}, {"BY", 5, false, true}, {"REASON", 10, false, true}});
  return Pages(
      program, request, args.limit,
      [&](const v1::ListDecisionsRequest& page) { return client.ListDecisions(page); },
      [&](const v1::ListDecisionsResponse& page) {
        for (const v1::Decision& decision : page.decisions()) {
          if (program.out.json()) {
            program.out.Json(ToJson(decision));
            continue;
          }
          table.Add({TimeText(decision.time()), decision.image_id(),
                     std::string(StateName(decision.from())), std::string(StateName(decision.to())),
                     ByText(decision), decision.reason()});
        }
        table.Flush();
        return page.decisions_size();
      });
}

int Decide(const Program& program, Client& client, const ModerationArgs& args) {
  v1::DecideImageRequest request;
  request.set_id(args.id);
  request.set_verdict(args.action == "approve"  ? v1::APPROVE
                      : args.action == "reject" ? v1::REJECT
                                                : v1::REOPEN);
  request.set_reason(args.reason);
  const absl::StatusOr<v1::Image> image = client.DecideImage(request);
  if (!image.ok()) return program.Fail(image.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*image));
  } else if (!program.out.options().quiet) {
    program.out.Line(
        absl::StrCat(std::string(StateName(image->state())), "  ", OneLine(image->id())));
  }
  return kExitOk;
}

int Report(const Program& program, const char* what, int64_t count, int64_t changed = 0) {
  if (program.out.json()) {
    program.out.Json({{"type", what}, {"hashes", count}, {"changed", changed}});
  } else if (!program.out.options().quiet) {
    std::string line = absl::StrCat(count, count == 1 ? " hash " : " hashes ", what);
    if (changed > 0) absl::StrAppend(&line, ", ", changed, " changed");
    program.out.Line(line);
  }
  return kExitOk;
}

int AddHashes(const Program& program, Client& client, const ModerationArgs& args) {
  v1::AddBlockedHashesRequest request;
  for (const std::string& text : args.hashes) {
    v1::BlockedHash& hash = *request.add_hashes();
    hash.set_hash(text);
    if (args.threshold) hash.set_threshold(*args.threshold);
    hash.set_label(args.label);
    hash.set_note(args.note);
  }
  const absl::StatusOr<v1::AddBlockedHashesResponse> added = client.AddBlockedHashes(request);
  if (!added.ok()) return program.Fail(added.status());
  return Report(program, "added", added->added(), added->changed());
}

int RemoveHashes(const Program& program, Client& client, const ModerationArgs& args) {
  v1::RemoveBlockedHashesRequest request;
  request.mutable_hashes()->Assign(args.hashes.begin(), args.hashes.end());
  const absl::StatusOr<v1::RemoveBlockedHashesResponse> removed =
      client.RemoveBlockedHashes(request);
  if (!removed.ok()) return program.Fail(removed.status());
  return Report(program, "removed", removed->removed());
}

// In calls of as many lines as the api takes; each counts wholly or not at all, and sending a file
// again is harmless.
int Import(const Program& program, Client& client, const ModerationArgs& args) {
  std::ifstream file;
  if (args.file != "-") file.open(args.file);
  std::istream& in = args.file == "-" ? std::cin : file;
  if (!in) {
    program.out.Error("can not read " + OneLine(args.file));
    return kExitUsage;
  }
  int64_t added = 0;
  int64_t changed = 0;
  bool more = true;
  while (more && !program.stop->cancelled()) {
    v1::ImportBlockedHashesRequest request;
    request.set_label(args.label);
    std::string line;
    int lines = 0;
    while (lines < kHashesPerCall && (more = static_cast<bool>(std::getline(in, line)))) {
      if (line.find_first_not_of(" \t\r") == std::string::npos || line[0] == '#') continue;
      ++lines;
      absl::StrAppend(request.mutable_text(), line, "\n");
    }
    if (lines == 0) break;
    const absl::StatusOr<v1::AddBlockedHashesResponse> response =
        client.ImportBlockedHashes(request);
    if (!response.ok()) return program.Fail(response.status());
    added += response->added();
    changed += response->changed();
  }
  return Report(program, "added", added, changed);
}

int Export(const Program& program, Client& client) {
  v1::ExportBlockedHashesRequest request;
  request.set_page_size(kHashesPerCall);
  do {
    const absl::StatusOr<v1::ExportBlockedHashesResponse> page =
        client.ExportBlockedHashes(request);
    if (!page.ok()) return program.Fail(page.status());
    if (program.out.json()) {
      program.out.Json(ToJson(*page));
    } else {
      const std::string& text = page->text();
      for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        program.out.Line(OneLine(text.substr(begin, end - begin)));
        begin = end + 1;
      }
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && !program.out.closed() && !program.stop->cancelled());
  return kExitOk;
}

}  // namespace

int RunModeration(const Program& program, Client& client, const ModerationArgs& args) {
  if (args.action == "list") return List(program, client, args);
  if (args.action == "log") return Log(program, client, args);
  if (args.action == "hashes add") return AddHashes(program, client, args);
  if (args.action == "hashes remove") return RemoveHashes(program, client, args);
  if (args.action == "hashes import") return Import(program, client, args);
  if (args.action == "hashes export") return Export(program, client);
  return Decide(program, client, args);
}

}  // namespace stockroom::cli
