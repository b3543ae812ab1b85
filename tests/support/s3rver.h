// npm's s3rver (tests/s3) as a process of a test's own, on a free loopback port.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/s3/sigv4.h"
#include "tests/support/temp_folder.h"

namespace stockroom::testing {

// Not thread-safe. Holds one bucket, "bucket". Does not check signatures, only who signed and when.
class S3rver {
 public:
  static absl::StatusOr<std::unique_ptr<S3rver>> Start();
  ~S3rver();
  S3rver(const S3rver&) = delete;
  S3rver& operator=(const S3rver&) = delete;

  // SIGKILL, and again with what it has stored.
  void Kill();
  absl::Status Restart();

  // Moves its clock.
  absl::Status Advance(absl::Duration duration);

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  s3::Credentials credentials() const {
    return {.access_key = "S3RVER", .secret_key = "S3RVER", .session_token = ""};
  }
  // Where it keeps the objects.
  std::string folder() const { return folder_.path(); }

 private:
  S3rver() = default;
  absl::Status Launch();

  TempFolder folder_;
  int port_ = 0;
  pid_t pid_ = 0;
  absl::Duration offset_;
};

}  // namespace stockroom::testing
