// What PUT and tus requests for incomings have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/http/cors.h"
#include "services/common/http/message.h"
#include "services/common/http/task.h"
#include "services/fileserver/store/incoming_store.h"
#include "services/fileserver/store/incoming_urls.h"

namespace stockroom::fileserver {

// All of them outlive the server.
struct IncomingParts {
  IncomingStore& store;
  const IncomingUrls& urls;
  // All disk work runs here.
  Executor& disk;
  // Those of the server, for OPTIONS.
  http::CorsOptions cors;
  // Largest upload, told to tus clients.
  int64_t max_bytes = int64_t{1} << 30;
  // Of signatures. Not null.
  Clock* clock = &Clock::Real();
};

// The id that the route captured, if the URL was signed for `method`.
struct SignedRequest {
  std::string id;
  UrlParameters parameters;
};
absl::StatusOr<SignedRequest> VerifyRequest(const IncomingParts& parts, std::string_view method,
                                            const http::Request& request);

// Of the upload that the URL was signed for. Errors of IncomingStore::Stat and
// IncomingUrls::CheckIsOf. Blocks.
absl::StatusOr<IncomingStore::State> StatSigned(const IncomingParts& parts,
                                                const SignedRequest& url);

// Hands the body to `writer`, piece by piece, and ends it: Finish, or Break after an error of
// either side. How much has arrived then.
http::Task<absl::StatusOr<int64_t>> ReceiveBody(const IncomingParts& parts, http::RequestBody& body,
                                                IncomingWriter& writer);

// The answer for an error. Strangers learn nothing of folders and files; the log does.
http::Response RefuseIncoming(const http::Request& request, const absl::Status& error);

// Value of a header that may be there once at most: INVALID_ARGUMENT.
absl::StatusOr<std::optional<std::string>> OneHeader(const http::Request& request,
                                                     std::string_view name);
// A count of bytes: decimal digits, below 10^18. INVALID_ARGUMENT names the header.
absl::StatusOr<int64_t> ParseCount(std::string_view name, std::string_view text);

}  // namespace stockroom::fileserver
