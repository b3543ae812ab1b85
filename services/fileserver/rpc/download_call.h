// One server-streaming download: the next piece is read on an executor once the last one is sent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "services/common/base/executor.h"
#include "services/common/base/status.h"
#include "services/common/blobs/wire.h"
#include "services/common/rpc/server_streams.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

// `Response` has the oneof `part` of info and chunk. At any time one thing is under way: a write,
// or one task on the executor; the download is touched by those tasks only.
template <typename Response, typename Info>
class DownloadCall final : public rpc::WriteHandler<Response>,
                           public std::enable_shared_from_this<DownloadCall<Response, Info>> {
 public:
  using Stream = rpc::WriteStream<Response>;
  using Begin = std::function<absl::StatusOr<std::unique_ptr<Download<Info>>>()>;
  DownloadCall(Executor& executor, Begin begin) : executor_(executor), begin_(std::move(begin)) {}

  void OnOpen(std::shared_ptr<Stream> stream) override {
    stream_ = std::move(stream);
    const absl::Status queued =
        executor_.Submit([self = this->shared_from_this()] { self->Open(); });
    if (!queued.ok()) stream_->Finish(queued);
  }

  void OnWritten(bool ok) override {
    if (all_read_) {
      // Also when the client is gone: nobody sees the status then.
      stream_->Finish(absl::OkStatus());
      return;
    }
    if (!executor_.SubmitAdmitted([self = this->shared_from_this(), ok] { self->Continue(ok); })) {
      download_.reset();
      stream_->Finish(Unavailable("SHUTTING_DOWN", "the file server is shutting down"));
    }
  }

  void OnClosed() override {}

 private:
  void Open() {
    absl::Status status = stream_->context().Check();
    if (status.ok()) {
      absl::StatusOr<std::unique_ptr<Download<Info>>> download = begin_();
      status = download.status();
      if (download.ok()) download_ = *std::move(download);
    }
    if (!status.ok()) {
      stream_->Finish(status);
      return;
    }
    Response message;
    *message.mutable_info() = ToWire(download_->info());
    stream_->Write(std::move(message));
  }

  void Continue(bool client_is_there) {
    absl::Status status = stream_->context().Check();
    if (status.ok() && !client_is_there) status = absl::CancelledError("the client is gone");
    Response message;
    if (status.ok()) {
      absl::StatusOr<std::string> chunk = download_->Next();
      status = chunk.status();
      if (chunk.ok()) message.set_chunk(*std::move(chunk));
    }
    if (!status.ok() || download_->done()) download_.reset();  // closes the file here, not later
    if (!status.ok()) {
      stream_->Finish(status);
      return;
    }
    all_read_ = download_ == nullptr;
    stream_->Write(std::move(message));
  }

  Executor& executor_;
  const Begin begin_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<Download<Info>> download_;
  bool all_read_ = false;
};

}  // namespace stockroom::fileserver
