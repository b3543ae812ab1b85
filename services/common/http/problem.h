// Errors over HTTP: application/problem+json (RFC 9457) made out of absl::Status.
//
//   {"type":"about:blank","title":"Not Found","status":404,"detail":"no image with this id",
//    "code":"NOT_FOUND","reason":"IMAGE_NOT_FOUND","request_id":"…","violations":[…],
//    "retry_after_ms":250,"metadata":{…}}
//
// `code` is the gRPC code's name and `reason` what programs switch on; both are the same over gRPC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/common/http/message.h"

namespace stockroom::http {

// The HTTP status for an error. Some reasons have a status of their own (one table in problem.cc);
// otherwise the code decides, as in google/rpc/code.proto.
int HttpStatusOf(const absl::Status& status);

// "Not Found" for 404.
std::string_view ReasonPhrase(int http_status);

// The answer for an error, with Retry-After (whole seconds, rounded up) if the error says when to
// come back.
Response ProblemResponse(const absl::Status& error, std::string_view request_id);

// An error with a reason; see ErrorDetails.
absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message);
// OUT_OF_RANGE, reason BODY_TOO_LARGE, with the limit as metadata: 413.
absl::Status BodyTooLarge(int64_t limit);

}  // namespace stockroom::http
