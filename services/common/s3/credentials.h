// Where the keys come from: a file, or the environment.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/mutex.h"
#include "services/common/s3/sigv4.h"

namespace stockroom::s3 {

// Thread-safe.
class CredentialSource {
 public:
  // `file`: AWS's format, section [default], keys aws_access_key_id, aws_secret_access_key and
  // aws_session_token; it is looked at again at most every ten seconds, so that keys can be
  // exchanged while the process runs. Empty: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
  // AWS_SESSION_TOKEN, read once. FAILED_PRECONDITION says what is missing, never what is there.
  static absl::StatusOr<std::unique_ptr<CredentialSource>> Create(const std::string& file);
  static std::unique_ptr<CredentialSource> Fixed(Credentials credentials);

  // The last that could be read.
  Credentials Get();

 private:
  CredentialSource(std::string file, Credentials credentials)
      : file_(std::move(file)), credentials_(std::move(credentials)) {}

  const std::string file_;
  Mutex mu_;
  Credentials credentials_ SR_GUARDED_BY(mu_);
  absl::Duration looked_ SR_GUARDED_BY(mu_);
};

// INVALID_ARGUMENT: not that format, or a key is missing.
absl::StatusOr<Credentials> ParseCredentialsFile(std::string_view text);

}  // namespace stockroom::s3
