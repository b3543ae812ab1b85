#include "services/common/s3/credentials.h"

#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "services/common/base/clock.h"
#include "services/common/base/files.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(10);

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<Credentials> ReadFile(const std::string& file) {
  SR_ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(file));
  return ParseCredentialsFile(text);
}

}  // namespace

absl::StatusOr<Credentials> ParseCredentialsFile(std::string_view text) {
  Credentials found;
  bool in_default = false;
  for (const absl::string_view raw : absl::StrSplit(Av(text), '\n')) {
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      in_default = line == "[default]";
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == absl::string_view::npos) {
      return InvalidArgument("BAD_CREDENTIALS", "a line is neither [section] nor name = value");
    }
    if (!in_default) continue;
    const absl::string_view name = absl::StripAsciiWhitespace(line.substr(0, equals));
    const std::string value(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    if (name == "aws_access_key_id") found.access_key = value;
    if (name == "aws_secret_access_key") found.secret_key = value;
    if (name == "aws_session_token") found.session_token = value;
  }
  if (found.access_key.empty() || found.secret_key.empty()) {
    return InvalidArgument("BAD_CREDENTIALS",
                           "section [default] needs aws_access_key_id and aws_secret_access_key");
  }
  return found;
}

absl::StatusOr<std::unique_ptr<CredentialSource>> CredentialSource::Create(
    const std::string& file) {
  Credentials credentials;
  if (file.empty()) {
    credentials = {.access_key = Environment("AWS_ACCESS_KEY_ID"),
                   .secret_key = Environment("AWS_SECRET_ACCESS_KEY"),
                   .session_token = Environment("AWS_SESSION_TOKEN")};
    if (credentials.access_key.empty() || credentials.secret_key.empty()) {
      return MakeStatus(absl::StatusCode::kFailedPrecondition,
                        "S3 needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
                        "environment, or s3.credentials_file",
                        {.reason = "S3_NO_CREDENTIALS"});
    }
  } else {
    absl::StatusOr<Credentials> read = ReadFile(file);
    if (!read.ok()) {
      return MakeStatus(absl::StatusCode::kFailedPrecondition,
                        "s3.credentials_file " + file + ": " + std::string(read.status().message()),
                        {.reason = "S3_NO_CREDENTIALS"});
    }
    credentials = *std::move(read);
  }
  auto source =
      std::unique_ptr<CredentialSource>(new CredentialSource(file, std::move(credentials)));
  MutexLock lock(source->mu_);
  source->looked_ = BootTimeNow();
  return source;
}

std::unique_ptr<CredentialSource> CredentialSource::Fixed(Credentials credentials) {
  return std::unique_ptr<CredentialSource>(new CredentialSource("", std::move(credentials)));
}

Credentials CredentialSource::Get() {
  MutexLock lock(mu_);
  if (!file_.empty() && BootTimeNow() - looked_ >= kLookEvery) {
    looked_ = BootTimeNow();
    absl::StatusOr<Credentials> read = ReadFile(file_);
    if (read.ok()) {
      credentials_ = *std::move(read);
    } else {
      LogWarning("s3.credentials_file can not be read; the keys of before are used",
                 {{"file", file_}, {"error", read.status()}});
    }
  }
  return credentials_;
}

}  // namespace stockroom::s3
