// suggest, similar: finding beside the search.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {

namespace {

const char* KindName(v1::Suggestion::Kind kind) {
  switch (kind) {
    case v1::Suggestion::TAG:
      return "tag";
    case v1::Suggestion::CAMERA:
      return "camera";
    default:
      return "word";
  }
}

}  // namespace

int RunSuggest(const Program& program, Client& client, const SuggestArgs& args) {
  v1::SuggestRequest request;
  request.set_prefix(args.prefix);
  request.set_limit(args.limit);
  const absl::StatusOr<v1::SuggestResponse> answer = client.Suggest(request);
  if (!answer.ok()) return program.Fail(answer.status());
  Table table(program.out, {{.title = "TEXT", .min_width = 12, .flexible = true},
                            {.title = "KIND", .min_width = 4},
                            {.title = "IMAGES", .min_width = 6, .right = true}});
  for (const v1::Suggestion& suggestion : answer->suggestions()) {
    if (program.out.json()) {
      program.out.Json(ToJson(suggestion));
      continue;
    }
    table.Add({suggestion.text(), KindName(suggestion.kind()), absl::StrCat(suggestion.count())});
  }
  table.Flush();
  if (answer->suggestions().empty() && !program.out.json()) {
    program.out.Note("nothing begins like that");
  }
  return kExitOk;
}

int RunSimilar(const Program& program, Client& client, const SimilarArgs& args) {
  v1::FindSimilarRequest request;
  request.set_id(args.id);
  request.set_page_size(args.limit);
  const absl::StatusOr<v1::FindSimilarResponse> answer = client.FindSimilar(request);
  if (!answer.ok()) return program.Fail(answer.status());
  Table table(program.out, {{.title = "DISTANCE", .min_width = 8, .right = true},
                            {.title = "ID", .min_width = 36},
                            {.title = "TITLE", .min_width = 12, .flexible = true}});
  for (const auto& match : answer->matches()) {
    if (program.out.json()) {
      program.out.Json(ToJson(match));
      continue;
    }
    const v1::Image& image = match.image();
    table.Add({absl::StrFormat("%.3f", match.distance()), image.id(),
               image.title().empty() ? image.filename() : image.title()});
  }
  table.Flush();
  if (answer->matches().empty() && !program.out.json()) {
    program.out.Note("nothing to compare it with");
  }
  return kExitOk;
}

}  // namespace stockroom::cli
