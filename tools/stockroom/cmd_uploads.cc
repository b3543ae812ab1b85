// uploads, original-url: direct uploads under way, and signed URLs of originals.
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int32_t kPage = 200;

std::string_view NameOf(v1::UploadState state) {
  switch (state) {
    case v1::UPLOAD_OPEN:
      return "open";
    case v1::UPLOAD_COMPLETED:
      return "completed";
    case v1::UPLOAD_FAILED:
      return "failed";
    case v1::UPLOAD_ABORTED:
      return "aborted";
    case v1::UPLOAD_EXPIRED:
      return "expired";
    default:
      return "unknown";
  }
}

int List(const Program& program, Client& client) {
  Table table(program.out, {{.title = "ID", .min_width = 36},
                            {.title = "STATE", .min_width = 9},
                            {.title = "SIZE", .min_width = 8},
                            {.title = "EXPIRES", .min_width = 16},
                            {.title = "FILE", .min_width = 12, .flexible = true}});
  v1::ListUploadsRequest request;
  request.set_page_size(kPage);
  do {
    const absl::StatusOr<v1::ListUploadsResponse> page = client.ListUploads(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::Upload& upload : page->uploads()) {
      if (program.out.json()) {
        program.out.Json(ToJson(upload));
        continue;
      }
      const absl::Time expires = absl::FromUnixSeconds(upload.expire_time().seconds());
      table.Add(
          {upload.id(), std::string(NameOf(upload.state())), HumanBytes(upload.size_bytes()),
           absl::FormatTime("%Y-%m-%d %H:%M", expires, absl::UTCTimeZone()), upload.filename()},
          upload.state() == v1::UPLOAD_OPEN ? Style::kPlain : Style::kDim);
    }
    table.Flush();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && !program.out.closed() && program.out.error().ok());
  return program.Ended();
}

int Abort(const Program& program, Client& client, const UploadsArgs& args) {
  if (args.ids.empty()) {
    return program.Fail(InvalidArgument("NOTHING_NAMED", "which upload? stockroom uploads list"));
  }
  for (const std::string& id : args.ids) {
    const absl::StatusOr<v1::AbortUploadResponse> aborted = client.AbortUpload(id);
    if (!aborted.ok()) return program.Fail(aborted.status());
    if (program.out.json()) {
      program.out.Json(ToJson(aborted->upload()));
    } else {
      program.out.Line(absl::StrCat("aborted  ", OneLine(id)));
    }
  }
  return program.Ended();
}

}  // namespace

int RunUploads(const Program& program, Client& client, const UploadsArgs& args) {
  return args.action == "abort" ? Abort(program, client, args) : List(program, client);
}

int RunOriginalUrl(const Program& program, Client& client, const OriginalUrlArgs& args) {
  v1::GetOriginalUrlRequest request;
  request.set_id(args.id);
  request.set_expires_in_seconds(absl::ToInt64Seconds(args.lifetime));
  const absl::StatusOr<v1::GetOriginalUrlResponse> answer = client.GetOriginalUrl(request);
  if (!answer.ok()) return program.Fail(answer.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*answer));
  } else {
    program.out.Line(OneLine(answer->url()));
  }
  return program.Ended();
}

}  // namespace stockroom::cli
