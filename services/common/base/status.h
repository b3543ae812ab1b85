// Errors: absl::Status everywhere, with a machine-readable reason beside the message.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom {

// Details for programs; they travel as google.rpc.ErrorInfo / BadRequest / RetryInfo over gRPC and
// as members of the problem+json body over HTTP.
struct ErrorDetails {
  // UPPER_SNAKE_CASE, stable: programs switch on it. Never empty once attached.
  std::string reason;
  // Facts about this case, e.g. {"limit": "104857600"}.
  std::map<std::string, std::string> metadata;
  struct FieldViolation {
    std::string field;        // path in the request, e.g. "tags[3]"
    std::string description;  // what is wrong and what is expected
  };
  std::vector<FieldViolation> violations;
  // When to come back. Set on RESOURCE_EXHAUSTED and UNAVAILABLE.
  std::optional<absl::Duration> retry_after;
};

// Builds a Status that carries details.
absl::Status MakeStatus(absl::StatusCode code, std::string_view message, ErrorDetails details);

// Shorthands. `reason` as in ErrorDetails.
absl::Status InvalidArgument(std::string_view reason, std::string_view message);
// INVALID_ARGUMENT about one field; reason "INVALID_FIELD".
absl::Status InvalidField(std::string_view field, std::string_view description);
absl::Status NotFound(std::string_view reason, std::string_view message);
absl::Status Overloaded(std::string_view message, absl::Duration retry_after);
absl::Status Unavailable(std::string_view reason, std::string_view message);

// The details attached to `status`; empty reason if it has none.
ErrorDetails DetailsOf(const absl::Status& status);

// Attaches or replaces details. A no-op on OK.
void AttachDetails(absl::Status& status, const ErrorDetails& details);

// Same code and details, message prefixed by "context: ".
absl::Status Annotate(const absl::Status& status, std::string_view context);

// Status for an errno value, e.g. ENOSPC is RESOURCE_EXHAUSTED, ENOENT NOT_FOUND, EIO UNAVAILABLE.
absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace stockroom

// Returns from the enclosing function when `expr` is not OK.
#define SR_RETURN_IF_ERROR(expr)                              \
  do {                                                        \
    if (absl::Status sr_status_ = (expr); !sr_status_.ok()) { \
      return sr_status_;                                      \
    }                                                         \
  } while (false)

#define SR_CONCAT_INNER_(a, b) a##b
#define SR_CONCAT_(a, b) SR_CONCAT_INNER_(a, b)
// SR_ASSIGN_OR_RETURN(auto x, Compute()); returns the error, else declares x.
#define SR_ASSIGN_OR_RETURN(lhs, expr) \
  SR_ASSIGN_OR_RETURN_(SR_CONCAT_(sr_statusor_, __LINE__), lhs, expr)
#define SR_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                         \
  if (!tmp.ok()) return tmp.status();        \
  lhs = *std::move(tmp)
