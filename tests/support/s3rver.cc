#include "tests/support/s3rver.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "services/common/base/metrics.h"
#include "services/common/base/status.h"
#include "services/common/s3/curl_transport.h"
#include "tests/support/ports.h"

namespace stockroom::testing {

absl::StatusOr<std::unique_ptr<S3rver>> S3rver::Start() {
  std::unique_ptr<S3rver> server(new S3rver());
  server->port_ = FreePort();
  SR_RETURN_IF_ERROR(server->Launch());
  return server;
}

S3rver::~S3rver() { Kill(); }

void S3rver::Kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

absl::Status S3rver::Restart() {
  Kill();
  SR_RETURN_IF_ERROR(Launch());
  const absl::Duration before = offset_;
  offset_ = absl::ZeroDuration();
  return Advance(before);
}

absl::Status S3rver::Launch() {
  int ready[2];
  if (::pipe(ready) != 0) return ErrnoStatus(errno, "pipe");
  const std::string folder = folder_.path();
  const std::string port = absl::StrCat(port_);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ready[1], STDOUT_FILENO);
    ::close(ready[0]);
    if (::chdir(STOCKROOM_S3_TESTS) == 0) {
      ::execlp("node", "node", "server.mjs", folder.c_str(), port.c_str(), nullptr);
    }
    ::_exit(127);
  }
  ::close(ready[1]);
  char line[5];
  // Ends with the process at the latest.
  const ssize_t got = ::read(ready[0], line, sizeof line);
  ::close(ready[0]);
  if (got == sizeof line) return absl::OkStatus();
  Kill();
  return absl::InternalError("s3rver did not start: npm ci in tests/s3?");
}

absl::Status S3rver::Advance(absl::Duration duration) {
  Metrics metrics;
  SR_ASSIGN_OR_RETURN(const auto transport, s3::CurlTransport::Create({}, metrics));
  const std::string url =
      absl::StrCat(endpoint(), "/-/advance?ms=", absl::ToInt64Milliseconds(duration));
  SR_RETURN_IF_ERROR(transport->Send({.method = "GET", .url = url, .headers = {}}).status());
  offset_ += duration;
  return absl::OkStatus();
}

}  // namespace stockroom::testing
