#include "services/fileserver/http/incoming_routes.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/http/tus.h"

namespace stockroom::fileserver {
namespace {

using http::Task;

// Slow ones are bounded by the server's least rate, not by a deadline: 1 GiB over a bad line.
constexpr absl::Duration kUploadTimeout = absl::Hours(24 * 7);

absl::Status NotAsSigned(std::string_view name) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat(Av(name), " is not what the URL was signed for"),
                    {.reason = "NOT_AS_SIGNED"});
}

absl::Status CheckLength(const http::RequestBody& body, const IncomingSpec& spec) {
  const std::optional<int64_t> length = body.length();
  if (!length) return InvalidArgument("LENGTH_REQUIRED", "send the body's Content-Length");
  if (*length > spec.size) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        absl::StrCat("more than the ", spec.size, " bytes that the URL was signed for"),
        {.reason = "INCOMING_TOO_LARGE", .metadata = {{"limit", absl::StrCat(spec.size)}}});
  }
  if (*length == spec.size) return absl::OkStatus();
  return InvalidArgument("INCOMPLETE", absl::StrCat("the URL was signed for ", spec.size,
                                                    " bytes, not for ", *length));
}

// A checksum that the client sends of its own accord must fit what was announced, and else is
// announced by it.
absl::Status Announce(std::string_view name, std::string value, size_t bytes,
                      std::string& announced) {
  if (value.size() != bytes) {
    return InvalidArgument("BAD_CHECKSUM", absl::StrCat(Av(name), " is no such checksum"));
  }
  if (!announced.empty() && announced != value) return NotAsSigned(name);
  announced = std::move(value);
  return absl::OkStatus();
}

// "sha-256=<base64>" in Digest (RFC 3230), "sha-256=:<base64>:" in Content-Digest (RFC 9530). Other
// algorithms are not looked at.
absl::StatusOr<std::string> Sha256Of(std::string_view name, std::string_view list) {
  for (const absl::string_view item : absl::StrSplit(Av(list), ',')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(absl::StripAsciiWhitespace(item), absl::MaxSplits('=', 1));
    if (!absl::EqualsIgnoreCase(pair.first, "sha-256")) continue;
    std::string_view value = Sv(pair.second);
    if (value.size() >= 2 && value.front() == ':' && value.back() == ':') {
      value = value.substr(1, value.size() - 2);
    }
    absl::StatusOr<std::string> bytes = FromBase64(value);
    if (!bytes.ok() || bytes->empty()) {
      return InvalidArgument("BAD_CHECKSUM", absl::StrCat(Av(name), " is not base64"));
    }
    return bytes;
  }
  return std::string();
}

// `announced` becomes what the bytes must have by URL and headers.
absl::Status CheckHeaders(const http::Request& request, IncomingSpec& announced) {
  SR_RETURN_IF_ERROR(CheckLength(*request.body, announced));
  SR_ASSIGN_OR_RETURN(const auto type, OneHeader(request, "Content-Type"));
  if (!announced.content_type.empty() &&
      !http::EqualsIgnoreCase(type.value_or(""), announced.content_type)) {
    return NotAsSigned("Content-Type");
  }
  SR_ASSIGN_OR_RETURN(const auto md5, OneHeader(request, "Content-MD5"));
  if (md5) {
    absl::StatusOr<std::string> bytes = FromBase64(*md5);
    SR_RETURN_IF_ERROR(Announce("Content-MD5", std::move(bytes).value_or(""), 16, announced.md5));
  }
  std::string sha256(announced.sha256 ? announced.sha256->bytes() : "");
  for (const char* name : {"Content-Digest", "Digest"}) {
    SR_ASSIGN_OR_RETURN(const auto list, OneHeader(request, name));
    SR_ASSIGN_OR_RETURN(std::string value, Sha256Of(name, list.value_or("")));
    if (!value.empty()) {
      SR_RETURN_IF_ERROR(Announce(name, std::move(value), Digest::kSize, sha256));
    }
  }
  if (!sha256.empty()) {
    SR_ASSIGN_OR_RETURN(announced.sha256, Digest::FromBytes(sha256));
  }
  return absl::OkStatus();
}

Task<http::Response> Put(const IncomingParts& parts, http::Request& request) {
  const absl::StatusOr<SignedRequest> url = VerifyRequest(parts, kPutMethod, request);
  if (!url.ok()) co_return RefuseIncoming(request, url.status());
  using Writer = std::shared_ptr<IncomingWriter>;
  absl::AnyInvocable<absl::StatusOr<Writer>()> begin = [&]() -> absl::StatusOr<Writer> {
    SR_ASSIGN_OR_RETURN(const IncomingStore::State state, StatSigned(parts, *url));
    IncomingSpec announced = state.spec;
    SR_RETURN_IF_ERROR(CheckHeaders(request, announced));
    return parts.store.Replace(announced);
  };
  const absl::StatusOr<Writer> writer = co_await http::RunOn<Writer>(parts.disk, std::move(begin));
  if (!writer.ok()) co_return RefuseIncoming(request, writer.status());
  const absl::StatusOr<int64_t> arrived = co_await ReceiveBody(parts, *request.body, **writer);
  if (!arrived.ok()) co_return RefuseIncoming(request, arrived.status());
  http::Response response;
  response.headers.Add("ETag", absl::StrCat("\"", (*writer)->digest().hex(), "\""));
  response.headers.Add("Cache-Control", "no-store");
  co_return response;
}

}  // namespace

absl::Status MountIncoming(http::Router& router, const IncomingParts& parts) {
  http::RouteOptions options;
  options.max_body_bytes = parts.max_bytes;
  options.timeout = kUploadTimeout;
  const auto shared = std::make_shared<const IncomingParts>(parts);
  SR_RETURN_IF_ERROR(router.Add("PUT", kIncomingPath, options, [shared](http::Request& request) {
    return Put(*shared, request);
  }));
  return MountTus(router, options, shared);
}

}  // namespace stockroom::fileserver
