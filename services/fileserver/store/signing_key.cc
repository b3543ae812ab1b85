#include "services/fileserver/store/signing_key.h"

#include <memory>

#include "services/common/base/files.h"
#include "services/common/base/random.h"
#include "services/common/base/signing_keys.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr int64_t kMostFileBytes = 64 << 10;

absl::StatusOr<UrlSigner> Parse(const std::string& path, std::string_view content) {
  absl::StatusOr<UrlSigner> signer = UrlSigner::Create(ParseSigningKeys(content));
  if (!signer.ok()) return Annotate(signer.status(), path);
  return signer;
}

absl::StatusOr<std::string> Read(Env& env, const std::string& path) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env.OpenToRead(path));
  std::string content(kMostFileBytes, '\0');
  SR_ASSIGN_OR_RETURN(const size_t size, file->ReadAt(0, content.data(), content.size()));
  content.resize(size);
  return content;
}

// ALREADY_EXISTS: somebody else has made one.
absl::Status Make(Env& env, const std::string& directory, const std::string& path) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env.OpenUnnamed(directory));
  SR_RETURN_IF_ERROR(file->MakePrivate());
  SR_RETURN_IF_ERROR(AppendAll(*file, ToBase64Url(RandomBytes(kKeyBytes)) + "\n"));
  SR_RETURN_IF_ERROR(file->SyncData());
  return env.Link(*file, path);
}

}  // namespace

absl::StatusOr<UrlSigner> ReadSigningKeys(const std::string& path) {
  const absl::StatusOr<std::string> content = ReadFileAtMost(path, kMostFileBytes);
  if (!content.ok()) return content.status();
  return Parse(path, *content);
}

absl::StatusOr<UrlSigner> MakeOrReadSigningKey(Env& env, const std::string& directory) {
  const std::string path = directory + "/url-signing-key";
  absl::StatusOr<std::string> content = Read(env, path);
  if (absl::IsNotFound(content.status())) {
    const absl::Status made = Make(env, directory, path);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    content = Read(env, path);
  }
  if (!content.ok()) return content.status();
  // Also of a key that was there: whoever linked it may have died before this.
  SR_RETURN_IF_ERROR(env.SyncDirectory(directory));
  return Parse(path, *content);
}

}  // namespace stockroom::fileserver
