#include "services/api/rpc/original_reads.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {

void OriginalReads::OnOpen(std::shared_ptr<Stream> stream) {
  stream_ = std::move(stream);
  // The answer may come on another thread, and the stream's end right after it.
  AdmitCall<v1::WriteOriginalRequest>(front_, stream_->context(), credentials_,
                                      [opened = stream_](absl::StatusOr<Principal> who) {
                                        absl::Status may = who.status();
                                        if (may.ok()) may = BackupHandlers::CheckMayWrite(*who);
                                        if (!may.ok()) return opened->Finish(std::move(may));
                                        opened->Read();
                                      });
}

void OriginalReads::OnRead(v1::WriteOriginalRequest* message) {
  if (message == nullptr) return End();
  const bool begins = message->part_case() == v1::WriteOriginalRequest::kSha256;
  if (begins != (writer_ == nullptr)) {
    return stream_->Finish(InvalidArgument("WRONG_ORDER", "a digest comes first, and once"));
  }
  if (begins) {
    absl::StatusOr<std::unique_ptr<BlobWriter>> writer =
        handlers_.BeginWrite(stream_->context(), message->sha256());
    if (!writer.ok()) return stream_->Finish(writer.status());
    writer_ = *std::move(writer);
    return stream_->Read();
  }
  writer_->Write(std::move(*message->mutable_chunk()), [stream = stream_](absl::Status status) {
    status.ok() ? stream->Read() : stream->Finish(std::move(status));
  });
}

void OriginalReads::End() {
  // Gone, not done: nothing must become visible.
  if (absl::Status status = stream_->context().Check(); !status.ok()) {
    return stream_->Finish(std::move(status));
  }
  if (writer_ == nullptr) {
    return stream_->Finish(InvalidArgument("WRONG_ORDER", "nothing came"));
  }
  writer_->Finish([stream = stream_](absl::StatusOr<StoredBlob> stored) {
    if (!stored.ok()) return stream->Finish(stored.status());
    stream->Finish(v1::WriteOriginalResponse());
  });
}

void OriginalReads::OnClosed() {
  writer_.reset();
  stream_.reset();
}

}  // namespace stockroom::api
