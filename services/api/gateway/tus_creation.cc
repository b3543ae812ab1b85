#include "services/api/gateway/tus_creation.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/api/gateway/field_setter.h"
#include "services/api/gateway/guard.h"
#include "services/api/gateway/preconditions.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/cors.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"

namespace stockroom::api {
namespace {

using http::Request;
using http::Response;
using http::Task;

constexpr char kVersion[] = "1.0.0";
// Of the upload's own URL it can do more; its OPTIONS says what.
constexpr char kExtensions[] = "creation,expiration,termination";
constexpr char kMethods[] = "POST";
// 10^18 - 1 fits 64 bits.
constexpr size_t kMostDigits = 18;

struct TusRoute {
  UnaryMethod method;
  Executor* executor = nullptr;
};

absl::Status BadHeader(std::string_view what) { return InvalidArgument("BAD_HEADER", what); }

absl::StatusOr<std::string_view> OneHeader(const http::Headers& headers, std::string_view name) {
  if (headers.Count(name) > 1) return BadHeader(absl::StrCat(Av(name), " must be there once"));
  return headers.Get(name);
}

absl::StatusOr<int64_t> ReadLength(const http::Headers& headers) {
  if (headers.Find("Upload-Defer-Length")) {
    return BadHeader("the length must be known; send Upload-Length");
  }
  SR_ASSIGN_OR_RETURN(const std::string_view text, OneHeader(headers, "Upload-Length"));
  int64_t length = 0;
  const bool digits = text.find_first_not_of("0123456789") == text.npos;
  if (digits && text.size() <= kMostDigits && absl::SimpleAtoi(Av(text), &length)) return length;
  return BadHeader("Upload-Length must be the file's length in bytes");
}

using Metadata = std::map<std::string, std::string>;

// "filename d29ybGQ=,draft": keys are told once, values may be missing.
absl::StatusOr<Metadata> ReadMetadata(const http::Headers& headers) {
  SR_ASSIGN_OR_RETURN(const std::string_view text, OneHeader(headers, "Upload-Metadata"));
  Metadata metadata;
  if (text.empty()) return metadata;
  for (const absl::string_view item : absl::StrSplit(Av(text), ',')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(absl::StripAsciiWhitespace(item), absl::MaxSplits(' ', 1));
    std::string value;
    if (pair.first.empty() || !absl::Base64Unescape(pair.second, &value)) {
      return BadHeader(
          "Upload-Metadata must be keys with values in base64, as in: filename "
          "d29ybGQucG5n,title d29ybGQ=");
    }
    if (!metadata.emplace(pair.first, std::move(value)).second) {
      return BadHeader(absl::StrCat("Upload-Metadata names ", pair.first, " twice"));
    }
  }
  return metadata;
}

// What clients send of their own accord under other names.
void UseTheirNames(Metadata& metadata) {
  const auto use = [&](const char* theirs, const char* ours) {
    const auto found = metadata.find(theirs);
    if (found == metadata.end()) return;
    std::string value = std::move(found->second);
    metadata.erase(found);
    if (metadata[ours].empty()) metadata[ours] = std::move(value);
  };
  use("name", "filename");
  use("filetype", "content_type");
  use("type", "content_type");
  const auto type = metadata.find("content_type");
  if (type != metadata.end()) type->second = http::MediaType(type->second);
}

bool IsField(const std::string& key) {
  if (key.starts_with("attributes.")) return true;
  const auto* field = FindField(*v1::CreateUploadRequest::descriptor(), key);
  return field != nullptr && !field->is_map() && field->name() != "size_bytes";
}

std::string HttpDate(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

absl::StatusOr<Response> Answer(const Request& request, const google::protobuf::Message& message) {
  const auto& created = static_cast<const v1::CreateUploadResponse&>(message);
  if (!created.has_urls()) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the upload of this Idempotency-Key has ended; send another key",
                      {.reason = "UPLOAD_ENDED", .metadata = {{"upload", created.upload().id()}}});
  }
  Response response;
  response.status = 201;
  response.headers.Set("Location", created.urls().tus_url());
  response.headers.Set("Upload-Expires", HttpDate(created.upload().expire_time()));
  response.headers.Set("Cache-Control", "no-store");
  MarkReplayed(request, response);
  return response;
}

Task<absl::StatusOr<Response>> Create(const TusRoute& route, const Principal& who,
                                      Request& request) {
  const absl::StatusOr<v1::CreateUploadRequest> wanted = ReadTusCreation(request.headers);
  if (!wanted.ok()) co_return wanted.status();
  if (request.body->length().value_or(1) > 0) {
    co_return BadHeader("send no body: bytes go to the URL that Location names");
  }
  const absl::Status key = TakeIdempotencyKey(request);
  if (!key.ok()) co_return key;
  // Everything it refers to lives in this coroutine, which waits for it.
  auto work = [&]() -> absl::StatusOr<MessagePtr> {
    SR_RETURN_IF_ERROR(request.context.Check());
    return route.method.call(request.context, who, *wanted);
  };
  const absl::StatusOr<MessagePtr> created =
      co_await http::RunOn<MessagePtr>(*route.executor, work);
  if (!created.ok()) co_return created.status();
  co_return Answer(request, **created);
}

// Of a full queue, say. The caller's own limits do not pass by themselves.
absl::Status AsPassing(const absl::Status& error) {
  ErrorDetails details = DetailsOf(error);
  const bool passes = absl::IsResourceExhausted(error) && details.reason != "TOO_MANY_UPLOADS" &&
                      details.reason != "QUOTA_EXCEEDED";
  if (!passes) return error;
  return MakeStatus(absl::StatusCode::kUnavailable, Sv(error.message()), std::move(details));
}

Response Options(const GatewayOptions& options, const Request& request) {
  Response response =
      http::AnswerOptions({.origins = options.origins.trusted}, request.headers, kMethods);
  response.headers.Set("Tus-Resumable", kVersion);
  response.headers.Set("Tus-Version", kVersion);
  response.headers.Set("Tus-Extension", kExtensions);
  response.headers.Set("Tus-Max-Size", absl::StrCat(options.max_image_bytes));
  return response;
}

}  // namespace

absl::StatusOr<v1::CreateUploadRequest> ReadTusCreation(const http::Headers& headers) {
  SR_ASSIGN_OR_RETURN(const std::string_view version, OneHeader(headers, "Tus-Resumable"));
  if (version != kVersion) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("send Tus-Resumable: ", kVersion), {.reason = "TUS_VERSION"});
  }
  if (headers.Find("Upload-Concat")) return BadHeader("uploads are not put together of others");
  v1::CreateUploadRequest request;
  SR_ASSIGN_OR_RETURN(const int64_t length, ReadLength(headers));
  request.set_size_bytes(length);
  SR_ASSIGN_OR_RETURN(Metadata metadata, ReadMetadata(headers));
  UseTheirNames(metadata);
  FieldSetter fields(request, Lists::kCommasToo);
  for (const auto& [key, value] : metadata) {
    if (!value.empty() && IsField(key)) SR_RETURN_IF_ERROR(fields.Set(key, value));
  }
  return request;
}

absl::Status MountTusCreation(http::Router& router, const MethodTable& table, Gate& gate,
                              Executor& executor, std::shared_ptr<const GatewayOptions> options) {
  const auto* create = v1::CreateUploadRequest::descriptor()
                           ->file()
                           ->FindServiceByName("UploadService")
                           ->FindMethodByName("CreateUpload");
  std::shared_ptr<const TusRoute> route;
  for (const UnaryMethod& method : table.unary()) {
    if (method.descriptor == create) {
      route = std::make_shared<const TusRoute>(TusRoute{method, &executor});
    }
  }
  if (route == nullptr) return absl::OkStatus();
  const http::Handler guarded =
      Guarded(gate, ScopesNeededFor(*create), options->origins,
              [route](const Principal& who, Request& request) -> Task<absl::StatusOr<Response>> {
                absl::StatusOr<Response> answer = co_await Create(*route, who, request);
                if (!answer.ok()) co_return AsPassing(answer.status());
                co_return answer;
              });
  http::RouteOptions limits;
  limits.timeout = options->call_timeout;
  SR_RETURN_IF_ERROR(router.Add("POST", kTusCreationPath, limits,
                                // Keeps the options, and so the rules.
                                [guarded, options](Request& request) -> Task<Response> {
                                  Response response = co_await guarded(request);
                                  response.headers.Set("Tus-Resumable", kVersion);
                                  if (response.status == 412) {
                                    response.headers.Set("Tus-Version", kVersion);
                                  }
                                  co_return response;
                                }));
  return router.AddPlain("OPTIONS", kTusCreationPath, {},
                         [options](Request& request) { return Options(*options, request); });
}

}  // namespace stockroom::api
