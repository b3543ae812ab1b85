// list, show: reading the catalogue.
#include "absl/strings/str_cat.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {

int RunList(const Program& program, Client& client, const ListArgs& args) {
  ImageTable table(program.out, ImageTable::Extra::kState);
  v1::ListImagesRequest request;
  int64_t shown = 0;
  do {
    request.set_page_size(PageSize(args.limit, shown));
    const absl::StatusOr<v1::ListImagesResponse> page = client.List(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::Image& image : page->images()) table.Add(image);
    table.Flush();
    shown += page->images_size();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (args.limit == 0 || shown < args.limit) &&
           !program.out.closed() && program.out.error().ok());
  if (!program.out.json()) {
    if (shown == 0) program.out.Note("no images yet; stockroom upload FOLDER brings some in");
    if (!request.page_token().empty() && !program.out.closed()) {
      program.out.Note(
          absl::StrCat("there are more than these ", shown, "; --limit N shows more, --all all"));
    }
  }
  return program.Ended();
}

int RunShow(const Program& program, Client& client, const ShowArgs& args) {
  std::vector<ExitCode> codes;
  for (const std::string& id : args.ids) {
    if (program.stop->cancelled()) break;
    const absl::StatusOr<v1::Image> image = client.Get(id);
    codes.push_back(ExitCodeOf(image.status()));
    if (!image.ok()) {
      program.Fail(image.status());
    } else if (program.out.json()) {
      program.out.Json(ToJson(*image));
    } else {
      if (codes.size() > 1) program.out.Line("");
      PrintImage(program.out, *image, program.settings.gateway);
    }
  }
  const int code = CombinedExitCode(codes);
  return code == kExitOk ? program.Ended() : code;
}

}  // namespace stockroom::cli
