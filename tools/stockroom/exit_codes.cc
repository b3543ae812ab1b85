#include "tools/stockroom/exit_codes.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnauthenticated:
      return kExitUnknown;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return kExitRefused;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return kExitAway;
    default:
      return kExitFailed;
  }
}

ExitCode CombinedExitCode(const std::vector<ExitCode>& codes) {
  if (codes.empty()) return kExitOk;
  for (const ExitCode code : codes) {
    if (code != codes.front()) return kExitFailed;
  }
  return codes.front();
}

std::string Explain(const absl::Status& status, const std::string& address) {
  const ErrorDetails details = DetailsOf(status);
  const std::string message(status.message());
  const bool from_server = !details.reason.empty();
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (from_server) break;
      if (absl::StrContains(message, "Connection refused")) {
        return absl::StrCat("nothing answers at ", address,
                            "; start the cluster with scripts/up, or say where it is with "
                            "--address or STOCKROOM_ADDRESS");
      }
      return absl::StrCat("no connection to ", address, ": ", message,
                          "; is it the gRPC address, and does it want --tls?");
    case absl::StatusCode::kDeadlineExceeded:
      if (from_server) break;
      return absl::StrCat(address,
                          " did not answer in time; try again, or allow more with "
                          "--timeout");
    case absl::StatusCode::kUnauthenticated:
      return absl::StrCat(
          message, "; show an API key or token with STOCKROOM_TOKEN, --token-file or config.yaml");
    case absl::StatusCode::kPermissionDenied:
      return absl::StrCat(message, "; stockroom whoami shows what you may do");
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("the server at ", address,
                          " does not offer this (older version?): ", message);
    case absl::StatusCode::kCancelled:
      return "interrupted";
    default:
      break;
  }
  std::string text = message.empty() ? absl::StatusCodeToString(status.code()) : message;
  for (const auto& violation : details.violations) {
    const std::string told = violation.field + ": " + violation.description;
    if (!absl::StrContains(text, violation.description)) absl::StrAppend(&text, "; ", told);
  }
  if (details.retry_after) {
    absl::StrAppend(&text, "; try again in ", HumanDuration(*details.retry_after));
  }
  return text;
}

}  // namespace stockroom::cli
