// FileSender: straight to the file server, by a URL that the api has it sign.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "tools/stockroom/upload_file.h"

namespace stockroom::cli {
namespace {

// Another upload of the same file is begun when the last one ended without an image that is still
// there; so often within the time that the server remembers keys.
constexpr int kMaxBegun = 20;
// For the server's reading and hashing of a large file.
constexpr absl::Duration kCompleting = absl::Minutes(5);
constexpr absl::Duration kWaiting = absl::Minutes(5);
constexpr absl::Duration kLongestSending = absl::Hours(24);

v1::CreateUploadRequest RequestOf(const v1::UploadHeader& header, int64_t size) {
  v1::CreateUploadRequest request;
  request.set_size_bytes(size);
  request.set_filename(header.filename());
  request.set_sha256(header.sha256());
  request.set_title(header.title());
  request.set_description(header.description());
  *request.mutable_tags() = header.tags();
  request.set_license(header.license());
  *request.mutable_attributes() = header.attributes();
  request.set_visibility(header.visibility());
  request.set_allow_duplicate(header.allow_duplicate());
  return request;
}

// The same for the same file and description, whoever asks again: the server gives the same upload,
// and this program needs no memory of its own to go on after it was killed.
std::string KeyOf(const v1::CreateUploadRequest& request, int begun) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return absl::StrCat("direct-", Digest::Of(bytes).hex(), "-", begun);
}

}  // namespace

absl::StatusOr<v1::UploadImageResponse> FileSender::TryDirect(const Opened& opened,
                                                              const v1::UploadHeader& header,
                                                              int64_t& received) {
  const v1::CreateUploadRequest request = RequestOf(header, opened.stamp.size);
  for (int begun = 0; begun < kMaxBegun; ++begun) {
    const absl::StatusOr<v1::CreateUploadResponse> created =
        client_.CreateUpload(request, KeyOf(request, begun));
    // One that the server has forgotten, but for its key.
    if (DetailsOf(created.status()).reason == "UPLOAD_NOT_FOUND") continue;
    SR_RETURN_IF_ERROR(created.status());
    const v1::Upload& upload = created->upload();
    if (upload.state() != v1::UPLOAD_OPEN && upload.state() != v1::UPLOAD_COMPLETED) continue;
    if (upload.state() == v1::UPLOAD_OPEN) {
      received = std::max(received, upload.received_bytes());
      SR_RETURN_IF_ERROR(SendBytes(opened, *created));
    }
    v1::CompleteUploadRequest complete;
    complete.set_id(upload.id());
    complete.set_wait(header.wait());
    complete.set_wait_timeout_ms(header.wait_timeout_ms());
    const absl::Duration timeout = kCompleting + (header.wait() ? kWaiting : absl::ZeroDuration());
    absl::StatusOr<v1::UploadImageResponse> done = client_.CompleteUpload(complete, timeout);
    const std::string reason = DetailsOf(done.status()).reason;
    // The image was deleted since: begin anew.
    if (reason == "IMAGE_NOT_FOUND" || reason == "UPLOAD_EXPIRED") continue;
    if (reason == "UPLOAD_BUSY" || reason == "UPLOAD_INCOMPLETE") {
      return Unavailable(reason, Sv(done.status().message()));
    }
    return done;
  }
  return absl::FailedPreconditionError("too many uploads of this file have ended lately");
}

absl::Status FileSender::SendBytes(const Opened& opened, const v1::CreateUploadResponse& created) {
  const bool tus = args_.direct == "tus";
  int64_t at = tus ? created.upload().received_bytes() : 0;
  if (created.upload().received_bytes() >= opened.stamp.size) return absl::OkStatus();
  HttpSending sending{.method = tus ? "PATCH" : created.urls().put_method(),
                      .url = tus ? created.urls().tus_url() : created.urls().put_url(),
                      .length = opened.stamp.size - at,
                      .timeout = kLongestSending};
  if (tus) {
    sending.headers = {{"Tus-Resumable", "1.0.0"},
                       {"Content-Type", "application/offset+octet-stream"},
                       {"Upload-Offset", absl::StrCat(at)}};
  } else {
    for (const auto& [name, value] : created.urls().put_headers()) {
      sending.headers.emplace_back(name, value);
    }
  }
  int64_t counted = 0;
  const absl::Status sent =
      program_.http.Send(sending, [&](size_t most) -> absl::StatusOr<std::string> {
        std::string bytes(most, '\0');
        const ssize_t n = ::pread(opened.fd, bytes.data(), most, at);
        if (n < 0 && errno != EINTR) return ErrnoStatus(errno, "reading it");
        if (n <= 0) return absl::DataLossError("the file became shorter");
        bytes.resize(static_cast<size_t>(n));
        at += n;
        counted += n;
        progress_.AddBytes(n);
        return bytes;
      });
  // The file counts once as a whole, when it is done.
  progress_.AddBytes(-counted);
  const std::string reason = DetailsOf(sent).reason;
  // Where the last request broke off, the server has not noticed yet, or has got on since.
  if (tus && (reason == "HTTP_409" || reason == "HTTP_423" || absl::IsAborted(sent) ||
              absl::IsFailedPrecondition(sent))) {
    return Unavailable("UPLOAD_BUSY", Sv(sent.message()));
  }
  return sent;
}

}  // namespace stockroom::cli
