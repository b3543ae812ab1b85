// One server-streaming download: while a piece is being sent, the next one is read on an executor.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/base/executor.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/blobs/wire.h"
#include "services/common/rpc/byte_buffers.h"
#include "services/common/rpc/server_streams.h"
#include "services/fileserver/store/chunk.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

// A message costs about as much as the bytes of one, on both sides, so two go together. More would
// gain little, and be memory of each of many downloads: a message is read ahead of one being sent.
inline constexpr size_t kChunksAMessage = 2;

// `Response` has the oneof `part` of info and chunk; what is written are its bytes, so that a chunk
// goes to the connection without a copy. At any time at most one task runs on the executor, and one
// write; the download is touched by those tasks only.
template <typename Response, typename Info>
class DownloadCall final : public rpc::WriteHandler<grpc::ByteBuffer>,
                           public std::enable_shared_from_this<DownloadCall<Response, Info>> {
 public:
  using Stream = rpc::WriteStream<grpc::ByteBuffer>;
  using Begin = std::function<absl::StatusOr<std::unique_ptr<Download<Info>>>()>;
  DownloadCall(Executor& executor, Begin begin) : executor_(executor), begin_(std::move(begin)) {}

  void OnOpen(std::shared_ptr<Stream> stream) override {
    stream_ = std::move(stream);
    const absl::Status queued =
        executor_.Submit([self = this->shared_from_this()] { self->ReadOn(); });
    if (!queued.ok()) stream_->Finish(queued);
  }

  void OnWritten(bool ok) override {
    MutexLock lock(mu_);
    writing_ = false;
    if (!ok) {
      client_is_gone_ = true;
      ahead_.reset();
    }
    GoOn();
  }

  void OnClosed() override {}

 private:
  // One message a task, so that downloads take turns.
  void ReadOn() {
    absl::StatusOr<grpc::ByteBuffer> message = Next();
    const absl::Status status = message.ok() ? failure_ : message.status();
    const bool over = !status.ok() || download_->done();
    if (over) download_.reset();  // closes the file here, not later
    MutexLock lock(mu_);
    reading_ = false;
    if (over) end_ = status;
    if (message.ok()) ahead_ = *std::move(message);
    GoOn();
  }

  // The info message, then the chunks.
  absl::StatusOr<grpc::ByteBuffer> Next() {
    SR_RETURN_IF_ERROR(stream_->context().Check());
    SR_RETURN_IF_ERROR(CheckClient());
    if (download_ == nullptr) {
      SR_ASSIGN_OR_RETURN(download_, begin_());
      Response message;
      *message.mutable_info() = ToWire(download_->info());
      return rpc::BufferOf(message.SerializeAsString());
    }
    return NextChunks();
  }

  // As many as go together. If one of them fails, those before it are sent all the same.
  absl::StatusOr<grpc::ByteBuffer> NextChunks() {
    const auto chunks = std::make_shared<std::vector<Chunk>>();
    std::vector<std::string_view> parts;
    do {
      absl::StatusOr<Chunk> chunk = download_->NextChunk();
      if (!chunk.ok() && parts.empty()) return chunk.status();
      failure_ = chunk.status();
      if (!chunk.ok()) break;
      chunks->push_back(*std::move(chunk));
      parts.push_back(chunks->back().view());
    } while (parts.size() < kChunksAMessage && !download_->done());
    return rpc::FieldOf(Response::kChunkFieldNumber, parts, chunks);
  }

  absl::Status CheckClient() {
    MutexLock lock(mu_);
    return client_is_gone_ ? absl::CancelledError("the client is gone") : absl::OkStatus();
  }

  // Starts what can be done now.
  void GoOn() SR_REQUIRES(mu_) {
    if (ahead_ && !writing_) {
      writing_ = true;
      stream_->Write(*std::exchange(ahead_, std::nullopt));
    }
    if (!end_ && !ahead_ && !reading_) {
      reading_ = executor_.SubmitAdmitted([self = this->shared_from_this()] { self->ReadOn(); });
      if (!reading_) {
        download_.reset();
        end_ = Unavailable("SHUTTING_DOWN", "the file server is shutting down");
      }
    }
    // OK also when the client is gone: nobody sees the status then.
    if (end_ && !ahead_ && !writing_) stream_->Finish(*end_);
  }

  Executor& executor_;
  const Begin begin_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<Download<Info>> download_;
  absl::Status failure_;  // of what was to come behind `ahead_`
  Mutex mu_;
  bool reading_ SR_GUARDED_BY(mu_) = true;  // a task is queued or runs
  bool writing_ SR_GUARDED_BY(mu_) = false;
  bool client_is_gone_ SR_GUARDED_BY(mu_) = false;
  // What is to be written next.
  std::optional<grpc::ByteBuffer> ahead_ SR_GUARDED_BY(mu_);
  // How the call ends once `ahead_` is written; then no more is read.
  std::optional<absl::Status> end_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::fileserver
