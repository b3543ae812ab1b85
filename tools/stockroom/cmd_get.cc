#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/recipe/recipe.h"
#include "tools/stockroom/download.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

struct Choice {
  Download download;
  std::string name;
};

// A path that the server gave, on the gateway and nowhere else.
absl::StatusOr<std::string> OnGateway(const Settings& settings, const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return absl::DataLossError("the server names no place on the gateway for this picture");
  }
  return settings.gateway + path;
}

absl::StatusOr<Choice> ChooseOriginal(const Settings& settings, const v1::Image& image) {
  Choice choice;
  SR_ASSIGN_OR_RETURN(choice.download.url, OnGateway(settings, image.original_url()));
  SR_ASSIGN_OR_RETURN(choice.download.sha256, Digest::FromHex(image.sha256()));
  choice.download.size = image.size_bytes();
  choice.name = SafeFileName(
      image.filename(), image.format().empty() ? image.id() : image.id() + "." + image.format());
  return choice;
}

absl::StatusOr<Choice> ChooseRendition(const Settings& settings, const v1::Image& image,
                                       const std::string& preset) {
  std::vector<std::string> known;
  for (const v1::Rendition& rendition : image.renditions()) {
    const std::string ending = rendition.format() == "jpeg" ? "jpg" : rendition.format();
    known.push_back(rendition.preset());
    if (preset != rendition.preset() && preset != rendition.preset() + "." + ending) continue;
    Choice choice;
    SR_ASSIGN_OR_RETURN(choice.download.url, OnGateway(settings, rendition.url()));
    choice.download.size = rendition.size_bytes();
    std::string stem = SafeFileName(image.filename(), image.id());
    stem.resize(std::min(stem.size(), stem.rfind('.')));
    choice.name =
        absl::StrCat(stem, "-", SafeFileName(rendition.preset(), "rendition"), ".", ending);
    return choice;
  }
  if (known.empty()) {
    return NotFound("NO_RENDITIONS", "this image has no renditions (yet); stockroom show says why");
  }
  return NotFound("NO_SUCH_RENDITION", absl::StrCat("there is no rendition ", preset,
                                                    "; there are: ", absl::StrJoin(known, ", ")));
}

// "fit=720x0/q=70.webp": as in URLs, jpg if no extension says the format.
absl::StatusOr<Choice> ChooseRecipe(const Settings& settings, const v1::Image& image,
                                    std::string recipe) {
  const size_t dot = recipe.rfind('.');
  const std::string_view ending =
      dot == std::string::npos ? "" : std::string_view(recipe).substr(dot + 1);
  if (!FormatFromName(ending)) recipe += ".jpg";
  Choice choice;
  SR_ASSIGN_OR_RETURN(choice.download.url,
                      OnGateway(settings, absl::StrCat("/i/", image.id(), "/", recipe)));
  std::string stem = SafeFileName(image.filename(), image.id());
  stem.resize(std::min(stem.size(), stem.rfind('.')));
  std::replace(recipe.begin(), recipe.end(), '/', '_');
  choice.name = absl::StrCat(stem, "-", SafeFileName(recipe, "rendition"));
  return choice;
}

bool IsFolder(const std::string& path) {
  struct stat info {};
  return path.ends_with('/') || (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode));
}

}  // namespace

int RunGet(const Program& program, Client& client, const GetArgs& args) {
  Output& out = program.out;
  if (args.output == "-" && out.options().out_is_terminal) {
    out.Error("a terminal can not show these bytes; send them on with > or |, or name a file: -o");
    return kExitUsage;
  }
  const absl::StatusOr<v1::Image> image = client.Get(args.id);
  if (!image.ok()) return program.Fail(image.status());
  const absl::StatusOr<Choice> choice =
      !args.recipe.empty()  ? ChooseRecipe(program.settings, *image, args.recipe)
      : args.preset.empty() ? ChooseOriginal(program.settings, *image)
                            : ChooseRendition(program.settings, *image, args.preset);
  if (!choice.ok()) return program.Fail(choice.status());
  if (args.output == "-") {
    const absl::Status status = DownloadToOutput(program, choice->download);
    if (out.closed()) return kExitOk;
    return status.ok() ? int{kExitOk} : program.Fail(status);
  }
  std::string target = args.output.empty() ? choice->name : args.output;
  if (!args.output.empty() && IsFolder(args.output)) {
    target = args.output + (args.output.ends_with('/') ? "" : "/") + choice->name;
  }
  const absl::Time begin = absl::Now();
  const absl::StatusOr<int64_t> received =
      DownloadToFile(program, choice->download, target, args.force);
  if (!received.ok()) return program.Fail(received.status());
  struct stat info {};
  const int64_t size = ::stat(target.c_str(), &info) == 0 ? info.st_size : 0;
  if (out.json()) {
    out.Json({{"type", "file"},
              {"id", image->id()},
              {"path", target},
              {"bytes", size},
              {"received", *received},
              {"verified", choice->download.sha256.has_value()}});
    return kExitOk;
  }
  std::string text = absl::StrCat(OneLine(target), "  ", HumanBytes(size));
  if (*received < size)
    absl::StrAppend(&text, ", of which ", HumanBytes(size - *received), " were here");
  absl::StrAppend(&text, ", ", HumanDuration(absl::Now() - begin));
  if (choice->download.sha256) absl::StrAppend(&text, ", SHA-256 verified");
  out.Line(text);
  return kExitOk;
}

int RunInfo(const Program& program, Client& client, const InfoArgs& args) {
  const absl::StatusOr<v1::Image> image = client.Get(args.id);
  if (!image.ok()) return program.Fail(image.status());
  Download info;
  info.url = absl::StrCat(program.settings.gateway, "/i/", image->id(), "/info");
  const absl::Status status = DownloadToOutput(program, info);
  if (program.out.closed()) return kExitOk;
  if (!status.ok()) return program.Fail(status);
  program.out.Raw("\n");
  return kExitOk;
}

}  // namespace stockroom::cli
