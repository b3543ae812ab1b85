// admin: scrub, fsck.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/patiently.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int kQuarantinedPage = 1000;

std::string CountsText(const v1::ScrubNumbers& counts) {
  return absl::StrCat(Plural(counts.blobs(), "original"), ", ",
                      Plural(counts.renditions(), "rendition"), ", ", HumanBytes(counts.bytes()),
                      "; damaged: ", counts.damaged_blobs(), " and ", counts.damaged_renditions(),
                      "; unreadable: ", counts.read_errors());
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// Every file in the quarantine; how many are not healed.
absl::StatusOr<int64_t> PrintQuarantined(const Program& program, StoreClient& client) {
  v1::ListQuarantinedRequest request;
  request.set_page_size(kQuarantinedPage);
  int64_t open = 0;
  do {
    const auto page = Patiently<v1::ListQuarantinedResponse>(
        program, [&] { return client.ListQuarantined(request); });
    if (!page.ok()) return page.status();
    for (const v1::QuarantinedOriginal& original : page->originals()) {
      if (!original.healed()) ++open;
      if (program.out.json()) {
        nlohmann::ordered_json record = ToJson(original);
        record["type"] = "quarantined";
        program.out.Json(record);
      } else {
        program.out.Line(absl::StrCat("quarantined  ", OneLine(original.sha256()), "  ",
                                      OneLine(original.why()), "  ", TimeText(original.time()),
                                      original.healed() ? "  healed" : ""));
      }
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return open;
}

int Scrub(const Program& program, StoreClient& client, const StoreArgs& args) {
  absl::StatusOr<v1::Scrub> scrub;
  if (args.now) {
    v1::StartScrubRequest request;
    request.set_bytes_per_second(args.bytes_per_second);
    scrub = client.StartScrub(request);
  } else {
    scrub = client.GetScrub();
  }
  if (!scrub.ok()) return program.Fail(scrub.status());
  Output& out = program.out;
  if (out.json()) {
    nlohmann::ordered_json record = ToJson(*scrub);
    record["type"] = "scrub";
    out.Json(record);
  } else {
    std::string line = absl::StrCat("pass ", scrub->pass(), "  ", OneLine(scrub->state()));
    if (scrub->state() == "running") {
      absl::StrAppend(&line, "  ", static_cast<int>(scrub->progress() * 100), " %");
    }
    out.Line(line);
    if (scrub->state() == "running") out.Line("so far    " + CountsText(scrub->counts()));
    if (scrub->has_last()) {
      out.Line("last      " + CountsText(scrub->last()) + "; ended " +
               TimeText(scrub->last_end_time()));
    }
  }
  const absl::StatusOr<int64_t> open = PrintQuarantined(program, client);
  if (!open.ok()) return program.Fail(open.status());
  if (!scrub->halted_because().empty()) {
    out.Error("the scrub halted: " + scrub->halted_because() +
              "; stockroom admin scrub --now begins anew");
    return kExitFailed;
  }
  if (*open > 0) {
    out.Error(absl::StrCat(Plural(*open, "original"),
                           " in the quarantine; uploading the same file heals it, stockroom admin "
                           "fsck names the images"));
    return kExitFailed;
  }
  return program.Ended();
}

struct Found {
  int64_t images = 0;
  int64_t image_bytes = 0;
  int64_t problems = 0;
  int64_t originals = 0;
  int64_t stored_bytes = 0;
  int64_t unreferenced = 0;
  int64_t unreferenced_bytes = 0;
  absl::Time oldest = absl::InfiniteFuture();
  int64_t only_renditions = 0;
  int64_t quarantined = 0;
};

void PrintProblem(Output& out, const v1::ImageProblem& problem) {
  if (out.json()) {
    nlohmann::ordered_json record = ToJson(problem);
    record["type"] = "problem";
    out.Json(record);
    return;
  }
  std::string line = absl::StrCat(OneLine(problem.kind()), "  ", OneLine(problem.image_id()), "  ",
                                  OneLine(problem.owner()), "  ", OneLine(problem.sha256()));
  if (!problem.message().empty()) absl::StrAppend(&line, "  ", OneLine(problem.message()));
  out.Line(line);
}

absl::Status CheckImages(const Program& program, StoreClient& client, bool full, Found& found) {
  v1::CheckImagesRequest request;
  request.set_full(full);
  do {
    const auto page =
        Patiently<v1::CheckImagesResponse>(program, [&] { return client.CheckImages(request); });
    if (!page.ok()) return page.status();
    found.images += page->images();
    found.image_bytes += page->bytes();
    found.problems += page->problems_size();
    for (const v1::ImageProblem& problem : page->problems()) PrintProblem(program.out, problem);
    program.out.SetBar(absl::StrCat(HumanCount(found.images), " images checked"));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status CheckBlobs(const Program& program, StoreClient& client, Found& found) {
  v1::CheckBlobsRequest request;
  do {
    const auto page =
        Patiently<v1::CheckBlobsResponse>(program, [&] { return client.CheckBlobs(request); });
    if (!page.ok()) return page.status();
    found.originals += page->originals();
    found.stored_bytes += page->bytes();
    found.unreferenced += page->unreferenced();
    found.unreferenced_bytes += page->unreferenced_bytes();
    if (page->has_oldest_unreferenced()) {
      found.oldest =
          std::min(found.oldest, absl::FromUnixSeconds(page->oldest_unreferenced().seconds()));
    }
    found.only_renditions += page->only_renditions();
    program.out.SetBar(absl::StrCat(HumanCount(found.originals), " originals checked"));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

void PrintFound(Output& out, const Found& found) {
  if (out.json()) {
    nlohmann::ordered_json record = {{"type", "verdict"},
                                     {"whole", found.problems == 0},
                                     {"images", found.images},
                                     {"imageBytes", found.image_bytes},
                                     {"problems", found.problems},
                                     {"originals", found.originals},
                                     {"storedBytes", found.stored_bytes},
                                     {"unreferenced", found.unreferenced},
                                     {"unreferencedBytes", found.unreferenced_bytes},
                                     {"onlyRenditions", found.only_renditions},
                                     {"quarantined", found.quarantined}};
    if (found.unreferenced > 0) {
      record["oldestUnreferenced"] =
          absl::FormatTime(absl::RFC3339_sec, found.oldest, absl::UTCTimeZone());
    }
    out.Json(record);
    return;
  }
  out.Line(absl::StrCat("database     ", Plural(found.images, "image"), ", ",
                        HumanBytes(found.image_bytes)));
  out.Line(absl::StrCat("file server  ", Plural(found.originals, "original"), ", ",
                        HumanBytes(found.stored_bytes)));
  std::string unused = absl::StrCat("unreferenced ", Plural(found.unreferenced, "original"), ", ",
                                    HumanBytes(found.unreferenced_bytes));
  if (found.unreferenced > 0) {
    absl::StrAppend(&unused, ", the oldest since ",
                    absl::FormatTime("%Y-%m-%d %H:%M UTC", found.oldest, absl::UTCTimeZone()));
  }
  out.Line(absl::StrCat(unused, "; the collector deletes them in time"));
  if (found.only_renditions > 0) {
    out.Line(absl::StrCat("renditions   of ", Plural(found.only_renditions, "original"),
                          " that are gone; the collector deletes them in time"));
  }
}

int Fsck(const Program& program, StoreClient& client, const StoreArgs& args) {
  Found found;
  absl::Status checked = CheckImages(program, client, args.full, found);
  if (checked.ok()) checked = CheckBlobs(program, client, found);
  program.out.SetBar("");
  if (!checked.ok()) return program.Fail(checked);
  const absl::StatusOr<int64_t> open = PrintQuarantined(program, client);
  if (!open.ok()) return program.Fail(open.status());
  found.quarantined = *open;
  PrintFound(program.out, found);
  if (found.problems == 0) return program.Ended();
  program.out.Error(absl::StrCat(Plural(found.problems, "image"),
                                 " without a whole original; upload the same file again, or "
                                 "restore it from a backup"));
  return kExitFailed;
}

}  // namespace

int RunStore(const Program& program, StoreClient& client, const StoreArgs& args) {
  if (args.action == "scrub") return Scrub(program, client, args);
  return Fsck(program, client, args);
}

}  // namespace stockroom::cli
