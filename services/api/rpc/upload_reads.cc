#include "services/api/rpc/upload_reads.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr size_t kMaxChunk = 1 << 20;

}  // namespace

void UploadReads::OnOpen(
    std::shared_ptr<rpc::ReadStream<v1::UploadImageRequest, v1::UploadImageResponse>> stream) {
  stream_ = std::move(stream);
  // No message is read before it is known whose it is.
  // The answer may come on another thread, and the stream's end right after it.
  AdmitCall<v1::UploadImageRequest>(
      front_, stream_->context(), credentials_,
      [self = shared_from_this(), opened = stream_](absl::StatusOr<Principal> who) {
        if (!who.ok()) return opened->Finish(who.status());
        self->who_ = *std::move(who);
        opened->Read();
      });
}

void UploadReads::OnRead(v1::UploadImageRequest* message) {
  if (message == nullptr) return FinishUpload();
  switch (message->part_case()) {
    case v1::UploadImageRequest::kHeader:
      if (session_ != nullptr) {
        return stream_->Finish(InvalidArgument("SECOND_HEADER", "a second header came"));
      }
      return Begin(message->header());
    case v1::UploadImageRequest::kChunk:
      if (session_ == nullptr) {
        return stream_->Finish(
            InvalidArgument("HEADER_MISSING", "the first message must carry the header"));
      }
      return Write(std::move(*message->mutable_chunk()));
    case v1::UploadImageRequest::PART_NOT_SET:
      return stream_->Finish(
          InvalidArgument("EMPTY_MESSAGE", "a message carries neither header nor chunk"));
  }
}

void UploadReads::Begin(const v1::UploadHeader& header) {
  absl::StatusOr<std::unique_ptr<UploadSession>> session =
      handlers_.BeginUpload(stream_->context(), who_, header);
  if (!session.ok()) return stream_->Finish(session.status());
  session_ = *std::move(session);
  stream_->Read();
}

void UploadReads::Write(std::string chunk) {
  if (chunk.size() > kMaxChunk) {
    return stream_->Finish(
        InvalidArgument("CHUNK_TOO_LARGE", "a chunk has more than 1 MiB; send smaller ones"));
  }
  session_->Write(std::move(chunk), [stream = stream_](absl::Status status) {
    if (status.ok()) {
      stream->Read();
    } else {
      stream->Finish(std::move(status));
    }
  });
}

void UploadReads::FinishUpload() {
  if (absl::Status status = stream_->context().Check(); !status.ok()) {
    return stream_->Finish(std::move(status));  // gone, not done: nothing must become visible
  }
  if (session_ == nullptr) {
    return stream_->Finish(InvalidArgument("HEADER_MISSING", "the upload has no header"));
  }
  session_->Finish([stream = stream_](absl::StatusOr<UploadResult> result) {
    if (result.ok()) {
      stream->Finish(ImageHandlers::UploadAnswer(*result));
    } else {
      stream->Finish(result.status());
    }
  });
}

void UploadReads::OnClosed() {
  session_.reset();
  stream_.reset();
}

}  // namespace stockroom::api
