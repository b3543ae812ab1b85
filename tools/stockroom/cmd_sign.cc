// sign: picture URLs for recipes of one's own.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "services/common/recipe/signing.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"

namespace stockroom::cli {
namespace {

// As a client sends it: of anything else the api would see another path.
bool IsPicturePath(std::string_view path) {
  return path.starts_with("/i/") && std::all_of(path.begin(), path.end(), [](char c) {
           return c > ' ' && c <= '~' && c != '?' && c != '#';
         });
}

}  // namespace

int RunSign(Output& out, const SignArgs& args, absl::Time now) {
  std::ifstream file(args.key_file, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad()) {
    out.Error(args.key_file + " can not be read");
    return kExitUsage;
  }
  const absl::StatusOr<PathSigner> signer = PathSigner::FromKeyFile(content);
  if (!signer.ok()) {
    out.Error(absl::StrCat(args.key_file, ": ", std::string(signer.status().message())));
    return kExitUsage;
  }
  std::optional<absl::Time> expires;
  if (args.lifetime) expires = now + *args.lifetime;
  for (const std::string& path : args.paths) {
    if (!IsPicturePath(path)) {
      out.Error(absl::StrCat("'", path,
                             "': expected a path that begins with /i/, percent-encoded and "
                             "without query"));
      return kExitUsage;
    }
    const std::string url = absl::StrCat(path, "?", signer->Sign(path, expires));
    if (out.json()) {
      out.Json({{"type", "signed"}, {"path", path}, {"url", url}});
    } else {
      out.Line(url);
    }
  }
  return kExitOk;
}

}  // namespace stockroom::cli
