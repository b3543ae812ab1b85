#include "services/common/s3/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/s3/client_call.h"
#include "services/common/s3/errors.h"
#include "services/common/s3/wire.h"

namespace stockroom::s3 {
namespace {

// Of answers to requests for bytes: at least an error has to fit.
constexpr int64_t kMinAnswer = 64 << 10;
// Servers allow 15 minutes.
constexpr absl::Duration kSkewed = absl::Minutes(14);

}  // namespace

std::string_view ObjectInfo::Metadata(std::string_view name) const {
  for (const auto& [field, value] : metadata) {
    if (field == name) return value;
  }
  return {};
}

Client::Client(Options options, Transport& transport, CredentialSource& credentials,
               Metrics& metrics)
    : options_(std::move(options)),
      transport_(transport),
      credentials_(credentials),
      metrics_(metrics),
      clock_(options_.steady) {}

HttpRequest Client::Sign(const Call& call) {
  const Credentials credentials = credentials_.Get();
  const Scope scope{.region = options_.region};
  RequestToSign request{.method = call.method,
                        .path = call.path,
                        .query = call.query,
                        .headers = {{"host", options_.address.host()}}};
  request.headers.insert(request.headers.end(), call.headers.begin(), call.headers.end());
  std::string query;
  if (call.fence.has_value()) {
    query = PresignedQuery(request, kUnsignedPayload, credentials, scope, call.fence->from,
                           call.fence->lasts);
  } else {
    SignHeaders(request, call.payload, credentials, scope, clock_.Now());
    query = CanonicalQuery(request.query);
  }
  // libcurl makes Host of the URL, which is the same one.
  request.headers.erase(request.headers.begin());
  return {.method = call.method,
          .url = options_.address.origin() + PercentEncode(call.path, "/") +
                 (query.empty() ? "" : "?" + query),
          .headers = std::move(request.headers),
          .body = call.body,
          .max_response_bytes = call.max_response_bytes,
          .timeout = options_.timeout + absl::Seconds(call.bytes / options_.min_rate),
          .once = call.fence.has_value(),
          .patient = call.patient};
}

bool Client::WaitToRetry(const Call& call, int attempt, Backoff& backoff,
                         std::string_view retry_after) {
  if (call.fence.has_value() || attempt >= options_.retry.attempts || !budget_.Take()) {
    return false;
  }
  metrics_
      .GetCounter("stockroom_s3_retries_total", "Requests to the S3 server that were sent again.",
                  {{"operation", call.operation}})
      .Add();
  absl::Duration wait = backoff.Next();
  int64_t seconds = 0;
  if (absl::SimpleAtoi(Av(retry_after), &seconds) && seconds > 0) {
    wait = std::max(wait,
                    std::min(absl::Duration(absl::Seconds(seconds)), options_.retry.longest_wait));
  }
  if (options_.sleep) {
    options_.sleep(wait);
  } else {
    absl::SleepFor(wait);
  }
  return true;
}

absl::StatusOr<HttpResponse> Client::Run(const Call& call) {
  const auto count = [&](std::string_view result) {
    metrics_
        .GetCounter("stockroom_s3_requests_total", "Requests to the S3 server, by how they ended.",
                    {{"operation", call.operation}, {"result", std::string(result)}})
        .Add();
  };
  Histogram& seconds = metrics_.GetHistogram(
      "stockroom_s3_request_seconds", "Requests to the S3 server, each attempt by itself.",
      Histogram::LatencyBounds(), {{"operation", call.operation}});
  Backoff backoff(options_.retry.backoff);
  bool told_the_time = false;
  for (int attempt = 1;; ++attempt) {
    const absl::Duration begun = SteadyNow();
    const absl::Time signed_at = clock_.Now();
    absl::StatusOr<HttpResponse> response = transport_.Send(Sign(call));
    seconds.Observe(absl::ToDoubleSeconds(SteadyNow() - begun));
    absl::Status failed = response.status();
    std::string retry_after;
    if (response.ok()) {
      count(absl::StrCat(response->status / 100, "xx"));
      const absl::StatusOr<absl::Time> date = DateOf(*response);
      if (date.ok()) {
        clock_.Observe(*date, clock_.steady() - (SteadyNow() - response->head_seen));
      }
      if (response->status / 100 == 2) {
        if (call.check) failed = call.check(*response);
        if (failed.ok()) {
          budget_.Succeeded();
          return response;
        }
      } else {
        const Refusal refusal = ReadRefusal(*response);
        failed = ToStatus(refusal, call.operation, options_.address);
        // The answer has told the right time. Refusals of a HEAD do not say that it was this.
        const bool skewed = refusal.status == 403 && !call.fence.has_value() && date.ok() &&
                            absl::AbsDuration(*date - signed_at) > kSkewed;
        if (skewed && !std::exchange(told_the_time, true)) continue;
        if (!IsPassing(refusal)) return failed;
        retry_after = response->Header("retry-after");
      }
    } else {
      count("none");
    }
    if (!absl::IsUnavailable(failed)) return failed;
    if (!WaitToRetry(call, attempt, backoff, retry_after)) return failed;
  }
}

absl::StatusOr<ObjectInfo> Client::Head(const std::string& key) {
  SR_ASSIGN_OR_RETURN(const HttpResponse response,
                      Run({.operation = "HeadObject",
                           .method = "HEAD",
                           .path = options_.address.PathOf(key),
                           .check = [](const HttpResponse& r) { return InfoOf(r).status(); }}));
  return InfoOf(response);
}

absl::StatusOr<ObjectBytes> Client::Get(const std::string& key, int64_t offset, int64_t length,
                                        const std::string& etag) {
  Call call{.operation = "GetObject", .method = "GET", .path = options_.address.PathOf(key)};
  call.headers = {{"range", absl::StrCat("bytes=", offset, "-", offset + length - 1)}};
  if (!etag.empty()) call.headers.emplace_back("if-match", "\"" + etag + "\"");
  call.bytes = length;
  call.max_response_bytes = std::max(length, kMinAnswer);
  absl::StatusOr<ObjectBytes> object;
  call.check = [&](const HttpResponse& response) {
    object = RangeOf(response, offset, length);
    // Not every server knows If-Match.
    if (object.ok() && !etag.empty() && object->info.etag != etag) {
      object = MakeStatus(absl::StatusCode::kAborted, "S3 GetObject: it is another object now",
                          {.reason = "S3_PRECONDITION"});
    }
    return object.status();
  };
  SR_RETURN_IF_ERROR(Run(call).status());
  return object;
}

absl::StatusOr<PutResult> Client::ResultOf(const HttpResponse& response, std::string_view etag) {
  PutResult result{.etag = Unquoted(etag), .opaque_etag = HasOpaqueEtag(response)};
  SR_ASSIGN_OR_RETURN(result.server_now, DateOf(response));
  if (result.etag.empty()) return Nonsense("it stored an object without an ETag");
  return result;
}

absl::StatusOr<PutResult> Client::Put(const std::string& key, const RequestBody& body,
                                      const PutOptions& options) {
  Call call{.operation = "PutObject", .method = "PUT", .path = options_.address.PathOf(key)};
  call.headers = HeadersOf(options);
  if (options.if_none_match) call.headers.emplace_back("if-none-match", "*");
  if (!options.md5.empty()) call.headers.emplace_back("content-md5", ToBase64(options.md5));
  call.body = &body;
  call.bytes = body.size();
  call.payload = options.sha256.has_value() ? options.sha256->hex() : kUnsignedPayload;
  call.check = [](const HttpResponse& r) { return ResultOf(r, r.Header("etag")).status(); };
  SR_ASSIGN_OR_RETURN(const HttpResponse response, Run(call));
  return ResultOf(response, response.Header("etag"));
}

absl::Status Client::Delete(const std::string& key, std::optional<Fence> fence) {
  if (fence.has_value() && clock_.Now() >= fence->from + fence->lasts) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition, "S3 DeleteObject: its time is over",
                      {.reason = "S3_FENCE_OVER"});
  }
  const absl::Status deleted = Run({.operation = "DeleteObject",
                                    .method = "DELETE",
                                    .path = options_.address.PathOf(key),
                                    .fence = fence})
                                   .status();
  return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
}

absl::Status Client::CheckBucket() { return List({.prefix = {}, .max_keys = 1}).status(); }

absl::StatusOr<ListPage> Client::List(const ListOptions& options) {
  const std::string& prefix = options_.address.prefix();
  Call call{.operation = "ListObjectsV2", .method = "GET", .path = options_.address.BucketPath()};
  call.query = {{"list-type", "2"},
                {"prefix", prefix + options.prefix},
                {"max-keys", absl::StrCat(options.max_keys)}};
  if (!options.start_after.empty()) {
    call.query.emplace_back("start-after", prefix + options.start_after);
  }
  if (options.folders) call.query.emplace_back("delimiter", "/");
  absl::StatusOr<ListPage> page;
  call.check = [&](const HttpResponse& response) {
    page = PageOf(response, options, prefix);
    return page.status();
  };
  SR_RETURN_IF_ERROR(Run(call).status());
  return page;
}

std::string Client::Presign(std::string_view method, const std::string& key, Fields query,
                            const Fields& headers, absl::Duration lasts,
                            const std::optional<Address>& seen_as) {
  const Address& address = seen_as.has_value() ? *seen_as : options_.address;
  RequestToSign request{.method = std::string(method),
                        .path = address.PathOf(key),
                        .query = std::move(query),
                        .headers = {{"host", address.host()}}};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  const std::string path = PercentEncode(request.path, "/");
  return address.origin() + path + "?" +
         PresignedQuery(std::move(request), kUnsignedPayload, credentials_.Get(),
                        {.region = options_.region}, clock_.Now(), lasts);
}

absl::Status Client::DeleteMany(const std::vector<std::string>& keys) {
  if (keys.empty()) return absl::OkStatus();
  const std::string xml = DeletionXml(keys, options_.address.prefix());
  const TextBody body(xml);
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(xml);
  Undeleted undeleted;
  Call call{.operation = "DeleteObjects", .method = "POST", .path = options_.address.BucketPath()};
  call.query = {{"delete", ""}};
  call.headers = {{"content-md5", ToBase64(hasher.FinishMd5())},
                  {"content-type", "application/xml"}};
  call.body = &body;
  call.payload = Digest::Of(xml).hex();
  call.check = [&](const HttpResponse& response) {
    SR_ASSIGN_OR_RETURN(undeleted, UndeletedOf(response));
    return absl::OkStatus();
  };
  const absl::Status deleted = Run(call).status();
  if (deleted.ok() && undeleted.count == 0) return absl::OkStatus();
  if (!deleted.ok() && !absl::IsUnimplemented(deleted)) return deleted;
  for (const std::string& key : keys) SR_RETURN_IF_ERROR(Delete(key));
  return absl::OkStatus();
}

}  // namespace stockroom::s3
