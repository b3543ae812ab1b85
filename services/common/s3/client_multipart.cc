// The part of Client that stores large objects piece by piece.
#include <algorithm>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/s3/client.h"
#include "services/common/s3/client_call.h"
#include "services/common/s3/errors.h"
#include "services/common/s3/wire.h"

namespace stockroom::s3 {
namespace {

struct Sums {
  Digest sha256;
  std::string md5;
};

absl::StatusOr<Sums> SumsOf(const RequestBody& body) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  std::string buffer;
  for (int64_t at = 0; at < body.size();) {
    buffer.resize(static_cast<size_t>(std::min<int64_t>(256 << 10, body.size() - at)));
    SR_RETURN_IF_ERROR(body.ReadAt(at, buffer.data(), buffer.size()));
    hasher.Update(buffer);
    at += static_cast<int64_t>(buffer.size());
  }
  return Sums{.sha256 = hasher.FinishSha256(), .md5 = hasher.FinishMd5()};
}

}  // namespace

absl::StatusOr<std::string> Client::CreateUpload(const std::string& key,
                                                 const PutOptions& options) {
  const TextBody nothing("");
  std::string id;
  Call call{
      .operation = "CreateMultipartUpload", .method = "POST", .path = options_.address.PathOf(key)};
  call.query = {{"uploads", ""}};
  call.headers = HeadersOf(options);
  call.body = &nothing;
  call.check = [&](const HttpResponse& response) -> absl::Status {
    SR_ASSIGN_OR_RETURN(const XmlElement root, RootOf(response, "InitiateMultipartUploadResult"));
    id = root.TextOf("UploadId");
    return id.empty() ? Nonsense("an upload without an id") : absl::OkStatus();
  };
  SR_RETURN_IF_ERROR(Run(call).status());
  return id;
}

absl::StatusOr<UploadedPart> Client::UploadPart(const std::string& key, const std::string& upload,
                                                int number, const RequestBody& part) {
  SR_ASSIGN_OR_RETURN(const Sums sums, SumsOf(part));
  Call call{.operation = "UploadPart", .method = "PUT", .path = options_.address.PathOf(key)};
  call.query = {{"partNumber", absl::StrCat(number)}, {"uploadId", upload}};
  call.headers = {{"content-md5", ToBase64(sums.md5)}};
  call.body = &part;
  call.bytes = part.size();
  call.payload = sums.sha256.hex();
  call.check = [](const HttpResponse& r) { return ResultOf(r, r.Header("etag")).status(); };
  SR_ASSIGN_OR_RETURN(const HttpResponse response, Run(call));
  return UploadedPart{.number = number, .etag = Unquoted(response.Header("etag"))};
}

absl::StatusOr<PutResult> Client::CompleteUpload(const std::string& key, const std::string& upload,
                                                 const std::vector<UploadedPart>& parts,
                                                 const PutOptions& options) {
  const std::string xml = CompletionXml(parts);
  const TextBody body(xml);
  Call call{.operation = "CompleteMultipartUpload",
            .method = "POST",
            .path = options_.address.PathOf(key)};
  call.query = {{"uploadId", upload}};
  call.headers = {{"content-type", "application/xml"}};
  if (options.if_none_match) call.headers.emplace_back("if-none-match", "*");
  call.body = &body;
  // Putting it together takes a large object's time although few bytes are sent.
  call.bytes = options_.min_rate * 240;
  call.patient = true;
  call.payload = Digest::Of(xml).hex();
  absl::StatusOr<PutResult> result;
  call.check = [&](const HttpResponse& response) -> absl::Status {
    // The status was sent before the work was done; how it ended is only in the body.
    const absl::StatusOr<XmlElement> error = RootOf(response, "Error");
    if (error.ok()) {
      HttpResponse late = response;
      late.status = error->TextOf("Code") == "PreconditionFailed" ? 412 : 500;
      return ToStatus(ReadRefusal(late), call.operation, options_.address);
    }
    SR_ASSIGN_OR_RETURN(const XmlElement root, RootOf(response, "CompleteMultipartUploadResult"));
    result = ResultOf(response, root.TextOf("ETag"));
    return result.status();
  };
  SR_RETURN_IF_ERROR(Run(call).status());
  return result;
}

absl::Status Client::AbortUpload(const std::string& key, const std::string& upload) {
  const absl::Status aborted = Run({.operation = "AbortMultipartUpload",
                                    .method = "DELETE",
                                    .path = options_.address.PathOf(key),
                                    .query = {{"uploadId", upload}}})
                                   .status();
  return absl::IsNotFound(aborted) ? absl::OkStatus() : aborted;
}

absl::StatusOr<std::vector<RunningUpload>> Client::ListUploads(const std::string& prefix) {
  absl::StatusOr<std::vector<RunningUpload>> uploads;
  Call call{
      .operation = "ListMultipartUploads", .method = "GET", .path = options_.address.BucketPath()};
  call.query = {{"uploads", ""}, {"prefix", options_.address.prefix() + prefix}};
  call.check = [&](const HttpResponse& response) {
    uploads = UploadsOf(response, options_.address.prefix());
    return uploads.status();
  };
  SR_RETURN_IF_ERROR(Run(call).status());
  return uploads;
}

}  // namespace stockroom::s3
