// What an S3 server's refusal means, and what a person can do about it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/common/s3/address.h"
#include "services/common/s3/transport.h"

namespace stockroom::s3 {

// <Code> of the answer's XML, or what the status alone stands for (answers to HEAD have no body):
// NoSuchKey, AccessDenied, PreconditionFailed, SlowDown, ... Never empty.
struct Refusal {
  int status = 0;
  std::string code;
  std::string message;
  std::string region;  // where the bucket is, if the server says so
};
Refusal ReadRefusal(const HttpResponse& response);

// Whether the same request may do better in a moment: overload, timeouts, a body that was damaged
// on its way, a conflict with a request that runs.
bool IsPassing(const Refusal& refusal);

// `operation` as S3 calls it: PutObject. Reasons (ErrorDetails) and codes:
//   NOT_FOUND            S3_NO_SUCH_KEY, S3_NO_SUCH_UPLOAD
//   ABORTED              S3_PRECONDITION (If-Match, If-None-Match)
//   OUT_OF_RANGE         S3_RANGE, S3_TOO_LARGE
//   RESOURCE_EXHAUSTED   S3_QUOTA
//   UNAVAILABLE          S3_BUSY; S3_ERROR for any other 5xx
//   UNIMPLEMENTED        S3_NOT_IMPLEMENTED
//   FAILED_PRECONDITION  what the operator has to set right: S3_NO_SUCH_BUCKET, S3_ACCESS_DENIED,
//                        S3_CREDENTIALS, S3_WRONG_REGION, S3_CLOCK; S3_REFUSED for any other 4xx
//                        and redirects
absl::Status ToStatus(const Refusal& refusal, std::string_view operation, const Address& address);

}  // namespace stockroom::s3
