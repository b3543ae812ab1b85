#include "services/api/auth/admin_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "absl/strings/ascii.h"
#include "services/api/domain/api_keys.h"
#include "services/common/base/files.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// nullopt if there is no such file.
absl::StatusOr<std::optional<std::string>> ReadKeyFile(const std::string& path) {
  absl::StatusOr<std::string> secret = ReadSecretFile(path);
  if (absl::IsNotFound(secret.status())) return std::nullopt;
  if (!secret.ok()) return secret.status();
  absl::StripLeadingAsciiWhitespace(&*secret);
  if (!LooksLikeApiKey(*secret)) {
    return InvalidArgument("BAD_KEY_FILE", path + " holds no API key; remove it to have one made");
  }
  return *std::move(secret);
}

absl::Status WriteAll(int fd, const std::string& text, const std::string& path) {
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "writing " + path);
  }
  return fsync(fd) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "syncing " + path);
}

// Under another name first: whoever sees the file sees all of it. If another process was first, its
// file stays.
absl::Status WriteKeyFile(const std::string& path, const std::string& secret) {
  const std::string unfinished = path + "." + NewRandomId();
  const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "making " + unfinished);
  absl::Status written = WriteAll(fd, secret + "\n", unfinished);
  close(fd);
  if (written.ok() && link(unfinished.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    written = ErrnoStatus(errno, "making " + path);
  }
  unlink(unfinished.c_str());
  return written;
}

}  // namespace

absl::Status PrepareAdminKey(const std::string& path, ApiKeyStore& store, Clock& clock) {
  SR_ASSIGN_OR_RETURN(std::optional<std::string> secret, ReadKeyFile(path));
  if (!secret) {
    SR_RETURN_IF_ERROR(WriteKeyFile(path, NewApiKeySecret()));
    SR_ASSIGN_OR_RETURN(secret, ReadKeyFile(path));
    if (!secret) return ErrnoStatus(ENOENT, "reading " + path);
    LogInfo("made an API key that may do everything", {{"file", path}});
  }
  const Digest hash = Digest::Of(*secret);
  SR_ASSIGN_OR_RETURN(const std::optional<ApiKey> known, store.FindApiKey(hash));
  if (known && known->revoke_time) {
    LogWarning("the API key in this file has been revoked; remove the file to have another made",
               {{"file", path}});
  }
  if (known) return absl::OkStatus();
  const absl::Time now = clock.Now();
  const absl::Status added = store.AddApiKey({.id = NewUuidV7(now),
                                              .prefix = ShownPartOf(*secret),
                                              .secret_hash = hash,
                                              .subject = "admin",
                                              .role = Role::kAdmin,
                                              .scopes = ScopesOf(Role::kAdmin),
                                              .label = "auth.admin_key_file",
                                              .create_time = now},
                                             ApiKeys::kMaxKeys);
  // Another api was first.
  return absl::IsAlreadyExists(added) ? absl::OkStatus() : added;
}

}  // namespace stockroom::api
