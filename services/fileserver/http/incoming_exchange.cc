#include "services/fileserver/http/incoming_exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {
namespace {

using http::Task;

// 10^18 - 1 and anything added to it that a disk can hold fits 64 bits.
constexpr size_t kMostDigits = 18;

Task<absl::Status> RunStatus(Executor& disk, absl::AnyInvocable<absl::Status()> work) {
  absl::AnyInvocable<absl::StatusOr<bool>()> run =
      [work = std::move(work)]() mutable -> absl::StatusOr<bool> {
    SR_RETURN_IF_ERROR(work());
    return true;
  };
  const absl::StatusOr<bool> done = co_await http::RunAdmittedOn<bool>(disk, std::move(run));
  co_return done.status();
}

// Whether the message may speak of folders and files: it is the system's, or about damage.
bool IsInternal(std::string_view reason) {
  return reason.empty() || reason == "SYSTEM_ERROR" || reason == "NO_SPACE" ||
         reason == kSyncFailed || reason == "INCOMING_DAMAGED";
}

}  // namespace

absl::StatusOr<SignedRequest> VerifyRequest(const IncomingParts& parts, std::string_view method,
                                            const http::Request& request) {
  SignedRequest url{.id = std::string(request.Captured("id"))};
  SR_ASSIGN_OR_RETURN(url.parameters,
                      parts.urls.Verify(method, request.path, request.query, parts.clock->Now()));
  return url;
}

absl::StatusOr<IncomingStore::State> StatSigned(const IncomingParts& parts,
                                                const SignedRequest& url) {
  SR_ASSIGN_OR_RETURN(IncomingStore::State state, parts.store.StatToGoOn(url.id));
  SR_RETURN_IF_ERROR(IncomingUrls::CheckIsOf(url.parameters, state.spec));
  return state;
}

Task<absl::StatusOr<int64_t>> ReceiveBody(const IncomingParts& parts, http::RequestBody& body,
                                          IncomingWriter& writer) {
  absl::Status status;
  while (true) {
    http::ByteResult piece = co_await body.Read();
    status = piece.status();
    if (!status.ok() || !piece->has_value()) break;
    const std::string bytes = **std::move(piece);
    absl::AnyInvocable<absl::Status()> append = [&] { return writer.Append(bytes); };
    status = co_await RunStatus(parts.disk, std::move(append));
    if (!status.ok()) break;
  }
  if (status.ok()) {
    absl::AnyInvocable<absl::StatusOr<int64_t>()> finish = [&] { return writer.Finish(); };
    co_return co_await http::RunAdmittedOn<int64_t>(parts.disk, std::move(finish));
  }
  absl::AnyInvocable<absl::Status()> give_up = [&] {
    writer.Break();
    return absl::OkStatus();
  };
  // If even that can not run the process is ending: the next start cuts off what was not synced.
  (co_await RunStatus(parts.disk, std::move(give_up))).IgnoreError();
  co_return status;
}

http::Response RefuseIncoming(const http::Request& request, const absl::Status& error) {
  const std::string& id = request.context.request_id;
  const ErrorDetails details = DetailsOf(error);
  absl::Status shown = error;
  if (IsInternal(details.reason)) {
    LogError("an upload failed", {{"error", error}}, id);
    ErrorDetails told{.reason = details.reason.empty() ? "STORE_UNAVAILABLE" : details.reason,
                      .retry_after = details.retry_after};
    shown =
        MakeStatus(error.code(), "the file server can not store this just now", std::move(told));
  }
  http::Response response = http::ProblemResponse(shown, id);
  // What passes by itself must not look like the client's fault: tus clients try again after 5xx.
  if (details.reason == "NO_SPACE") {
    response.status = 507;
  } else if (absl::IsResourceExhausted(error)) {
    response.status = 503;
  }
  return response;
}

absl::StatusOr<std::optional<std::string>> OneHeader(const http::Request& request,
                                                     std::string_view name) {
  const int count = request.headers.Count(name);
  if (count == 0) return std::optional<std::string>();
  if (count == 1) return std::optional<std::string>(request.headers.Get(name));
  return InvalidArgument("BAD_HEADER", absl::StrCat(Av(name), " must be there once"));
}

absl::StatusOr<int64_t> ParseCount(std::string_view name, std::string_view text) {
  int64_t count = 0;
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits && text.size() <= kMostDigits && absl::SimpleAtoi(Av(text), &count)) return count;
  return InvalidArgument("BAD_HEADER", absl::StrCat(Av(name), " must be a count of bytes"));
}

}  // namespace stockroom::fileserver
