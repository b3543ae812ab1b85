#include "services/fileserver/http/tus.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::fileserver {
namespace {

using http::Task;
using Writer = std::shared_ptr<IncomingWriter>;

constexpr char kVersion[] = "1.0.0";
constexpr char kExtensions[] = "creation,creation-with-upload,expiration,checksum,termination";
constexpr char kMethods[] = "DELETE, HEAD, PATCH, POST, PUT";
constexpr char kPieceType[] = "application/offset+octet-stream";

absl::Status BadVersion() {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat("send Tus-Resumable: ", kVersion), {.reason = "TUS_VERSION"});
}

std::string HttpDate(absl::Time time) {
  // Rounded down: the upload is gone from that second on, not after it.
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone());
}

// One request. Lives as long as its coroutine.
class Tus {
 public:
  Tus(const IncomingParts& parts, http::Request& request) : parts_(parts), request_(request) {}

  Task<http::Response> Run() {
    std::string method = request_.method;
    if (method == "POST") {
      // For clients behind something that lets no other method through.
      const std::string_view meant = request_.headers.Get("X-HTTP-Method-Override");
      if (!meant.empty()) method = meant;
    }
    absl::StatusOr<http::Response> response = absl::UnknownError("");
    absl::Status status = Verify();
    if (!status.ok()) {
      response = status;
    } else if (method == "HEAD") {
      response = co_await Head();
    } else if (method == "PATCH") {
      response = co_await Patch();
    } else if (method == "POST") {
      response = co_await Post();
    } else if (method == "DELETE") {
      response = co_await Delete();
    } else {
      response = http::MakeError(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                                 "X-HTTP-Method-Override names no method that is served here");
    }
    http::Response answer =
        response.ok() ? *std::move(response) : RefuseIncoming(request_, response.status());
    answer.headers.Set("Tus-Resumable", kVersion);
    answer.headers.Set("Cache-Control", "no-store");
    if (answer.status == 412) answer.headers.Set("Tus-Version", kVersion);
    co_return answer;
  }

 private:
  absl::Status Verify() {
    SR_ASSIGN_OR_RETURN(const auto version, OneHeader(request_, "Tus-Resumable"));
    if (version != kVersion) return BadVersion();
    SR_ASSIGN_OR_RETURN(url_, VerifyRequest(parts_, kTusMethod, request_));
    return absl::OkStatus();
  }

  Task<absl::StatusOr<IncomingStore::State>> Stat() {
    absl::AnyInvocable<absl::StatusOr<IncomingStore::State>()> stat = [this] {
      return StatSigned(parts_, url_);
    };
    co_return co_await http::RunOn<IncomingStore::State>(parts_.disk, std::move(stat));
  }

  http::Response Answer(int status, const IncomingSpec& spec, std::optional<int64_t> offset) {
    http::Response response;
    response.status = status;
    if (offset) response.headers.Add("Upload-Offset", absl::StrCat(*offset));
    response.headers.Add("Upload-Expires", HttpDate(spec.expires));
    return response;
  }

  Task<absl::StatusOr<http::Response>> Head() {
    const absl::StatusOr<IncomingStore::State> state = co_await Stat();
    if (!state.ok()) co_return state.status();
    http::Response response = Answer(200, state->spec, state->offset);
    response.headers.Add("Upload-Length", absl::StrCat(state->spec.size));
    co_return response;
  }

  Task<absl::StatusOr<http::Response>> Delete() {
    absl::AnyInvocable<absl::StatusOr<bool>()> remove = [this]() -> absl::StatusOr<bool> {
      SR_ASSIGN_OR_RETURN(const IncomingStore::State state, StatSigned(parts_, url_));
      if (state.complete) {
        return MakeStatus(absl::StatusCode::kFailedPrecondition, "the upload is complete",
                          {.reason = "INCOMING_COMPLETE"});
      }
      SR_RETURN_IF_ERROR(parts_.store.Remove(url_.id));
      return true;
    };
    const absl::StatusOr<bool> removed = co_await http::RunOn<bool>(parts_.disk, std::move(remove));
    if (!removed.ok()) co_return removed.status();
    http::Response response;
    response.status = 204;
    co_return response;
  }

  Task<absl::StatusOr<http::Response>> Patch() {
    const absl::StatusOr<IncomingStore::AppendOptions> options = ReadPatchHeaders();
    if (!options.ok()) co_return options.status();
    co_return co_await Receive(*options, 204);
  }

  absl::StatusOr<IncomingStore::AppendOptions> ReadPatchHeaders() {
    SR_ASSIGN_OR_RETURN(const auto offset, OneHeader(request_, "Upload-Offset"));
    if (!offset) return InvalidArgument("BAD_HEADER", "Upload-Offset is missing");
    SR_ASSIGN_OR_RETURN(IncomingStore::AppendOptions options, ReadBodyHeaders());
    SR_ASSIGN_OR_RETURN(options.offset, ParseCount("Upload-Offset", *offset));
    return options;
  }

  absl::StatusOr<IncomingStore::AppendOptions> ReadBodyHeaders() {
    if (http::MediaType(request_.headers.Get("Content-Type")) != kPieceType) {
      return InvalidArgument("UNSUPPORTED_MEDIA_TYPE",
                             absl::StrCat("send Content-Type: ", kPieceType));
    }
    IncomingStore::AppendOptions options{.length = request_.body->length()};
    SR_ASSIGN_OR_RETURN(const auto checksum, OneHeader(request_, "Upload-Checksum"));
    if (checksum) {
      SR_ASSIGN_OR_RETURN(options.checksum, ParsePieceChecksum(*checksum));
    }
    return options;
  }

  // The answer comes once the bytes are durable.
  Task<absl::StatusOr<http::Response>> Receive(const IncomingStore::AppendOptions& options,
                                               int status) {
    IncomingSpec spec;
    absl::AnyInvocable<absl::StatusOr<Writer>()> begin = [&]() -> absl::StatusOr<Writer> {
      SR_ASSIGN_OR_RETURN(IncomingStore::State state, StatSigned(parts_, url_));
      spec = std::move(state.spec);
      return parts_.store.Append(url_.id, options);
    };
    const absl::StatusOr<Writer> writer =
        co_await http::RunOn<Writer>(parts_.disk, std::move(begin));
    if (!writer.ok()) co_return writer.status();
    const absl::StatusOr<int64_t> offset = co_await ReceiveBody(parts_, *request_.body, **writer);
    if (!offset.ok()) co_return offset.status();
    co_return Answer(status, spec, *offset);
  }

  Task<absl::StatusOr<http::Response>> Post() {
    const absl::StatusOr<IncomingStore::State> state = co_await Stat();
    if (!state.ok()) co_return state.status();
    const absl::Status announced = CheckCreation(state->spec);
    if (!announced.ok()) co_return announced;
    const absl::StatusOr<std::string> location = parts_.urls.TusUrl(state->spec);
    if (!location.ok()) co_return location.status();
    absl::StatusOr<http::Response> response = Answer(201, state->spec, state->offset);
    // What is there already is not sent again: the client goes on where the answer says.
    const bool has_body = request_.body->length().value_or(1) > 0;
    if (has_body && state->offset == 0) {
      const absl::StatusOr<IncomingStore::AppendOptions> options = ReadBodyHeaders();
      if (!options.ok()) co_return options.status();
      response = co_await Receive(*options, 201);
      if (!response.ok()) co_return response.status();
    }
    response->headers.Set("Location", *location);
    co_return response;
  }

  absl::Status CheckCreation(const IncomingSpec& spec) {
    if (request_.headers.Find("Upload-Defer-Length")) {
      return InvalidArgument("BAD_HEADER", "the length was announced; send Upload-Length");
    }
    SR_ASSIGN_OR_RETURN(const auto text, OneHeader(request_, "Upload-Length"));
    if (!text) return InvalidArgument("BAD_HEADER", "Upload-Length is missing");
    SR_ASSIGN_OR_RETURN(const int64_t length, ParseCount("Upload-Length", *text));
    if (length > spec.size) {
      return MakeStatus(
          absl::StatusCode::kOutOfRange,
          absl::StrCat("more than the ", spec.size, " bytes that were announced"),
          {.reason = "INCOMING_TOO_LARGE", .metadata = {{"limit", absl::StrCat(spec.size)}}});
    }
    if (length == spec.size) return absl::OkStatus();
    return InvalidArgument("BAD_HEADER", absl::StrCat("Upload-Length must be the ", spec.size,
                                                      " bytes that were announced"));
  }

  const IncomingParts& parts_;
  http::Request& request_;
  SignedRequest url_;
};

// Says what can be done here to whoever asks, pages of other origins included: no secret in that.
http::Response Options(const IncomingParts& parts, const http::Request& request) {
  http::Response response = http::AnswerOptions(parts.cors, request.headers, kMethods);
  response.headers.Set("Tus-Resumable", kVersion);
  response.headers.Set("Tus-Version", kVersion);
  response.headers.Set("Tus-Extension", kExtensions);
  response.headers.Set("Tus-Max-Size", absl::StrCat(parts.max_bytes));
  response.headers.Set("Tus-Checksum-Algorithm", kPieceChecksums);
  return response;
}

Task<http::Response> Handle(const IncomingParts& parts, http::Request& request) {
  Tus tus(parts, request);
  co_return co_await tus.Run();
}

}  // namespace

absl::Status MountTus(http::Router& router, const http::RouteOptions& options,
                      std::shared_ptr<const IncomingParts> parts) {
  for (const char* method : {"HEAD", "PATCH", "POST", "DELETE"}) {
    SR_RETURN_IF_ERROR(router.Add(method, kIncomingPath, options, [parts](http::Request& request) {
      return Handle(*parts, request);
    }));
  }
  return router.AddPlain("OPTIONS", kIncomingPath, {},
                         [parts](http::Request& request) { return Options(*parts, request); });
}

}  // namespace stockroom::fileserver
