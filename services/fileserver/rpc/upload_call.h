// One client-streaming upload: messages go to an executor one after another.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "services/common/base/executor.h"
#include "services/common/base/log.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/blobs/wire.h"
#include "services/common/rpc/server_streams.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

// `Request` has the oneof `part` of header (under the name that kHeader says), chunk, trailer.
//
// At any time at most one task runs on the executor, and one read: the next chunks are received
// while one is written. The upload is touched by those tasks only, and is destroyed before the call
// is finished, so a client that goes away leaves nothing.
template <typename Request, typename Response, typename Result>
class UploadCall final
    : public rpc::ReadHandler<Request, Response>,
      public std::enable_shared_from_this<UploadCall<Request, Response, Result>> {
 public:
  using Stream = rpc::ReadStream<Request, Response>;
  struct Options {
    const char* what;  // "blob" or "rendition", for the log
    typename Request::PartCase header_case;
    // Starts the upload that a header asks for.
    std::function<absl::StatusOr<std::unique_ptr<Upload<Result>>>(const Request&)> begin;
    std::function<Response(const Result&)> to_wire;
  };
  UploadCall(Executor& executor, Options options)
      : executor_(executor), options_(std::move(options)) {}

  void OnOpen(std::shared_ptr<Stream> stream) override {
    stream_ = std::move(stream);
    stream_->Read();
  }

  void OnRead(Request* message) override {
    bool read = false;
    bool run = false;
    {
      MutexLock lock(mu_);
      arrived_.push_back(message ? std::optional<Request>(std::move(*message)) : std::nullopt);
      reading_ = read = MayReadOn();
      run = !std::exchange(running_, true);
    }
    if (read) stream_->Read();
    if (run) Submit();
  }

  void OnClosed() override {}

 private:
  // Nothing is read behind what is no chunk until that was looked at.
  bool MayReadOn() const SR_REQUIRES(mu_) {
    return arrived_.empty() || (arrived_.size() == 1 && arrived_.front() &&
                                arrived_.front()->part_case() == Request::kChunk);
  }

  void Submit() {
    auto task = [self = this->shared_from_this()] { self->HandleNext(); };
    if (!admitted_) {
      admitted_ = true;
      const absl::Status queued = executor_.Submit(std::move(task));
      if (!queued.ok()) stream_->Finish(queued);
    } else if (!executor_.SubmitAdmitted(std::move(task))) {
      upload_.reset();
      stream_->Finish(Unavailable("SHUTTING_DOWN", "the file server is shutting down"));
    }
  }

  // One message a task, so that uploads take turns.
  void HandleNext() {
    std::optional<Request> request;
    {
      MutexLock lock(mu_);
      request = std::move(arrived_.front());
      arrived_.pop_front();
    }
    if (!Handle(request)) return;
    bool read = false;
    bool more = false;
    {
      MutexLock lock(mu_);
      more = running_ = !arrived_.empty();
      read = !reading_ && MayReadOn();
      reading_ |= read;
    }
    if (read) stream_->Read();
    if (more) Submit();
  }

  // False when the call has been finished.
  bool Handle(std::optional<Request>& request) {
    absl::StatusOr<std::optional<Result>> result = Step(request);
    if (result.ok() && !result->has_value()) return true;
    upload_.reset();
    if (result.ok()) {
      const CallContext& context = stream_->context();
      LogInfo("stored", {{"what", options_.what}, {"trace_id", context.trace.trace_id}},
              context.request_id);
      stream_->Finish(options_.to_wire(**result));
    } else {
      stream_->Finish(result.status());
    }
    return false;
  }

  // The result once the trailer has come, nothing before.
  absl::StatusOr<std::optional<Result>> Step(std::optional<Request>& request) {
    SR_RETURN_IF_ERROR(stream_->context().Check());
    if (!request) {
      return InvalidArgument("INCOMPLETE", "the stream ended without a trailer");
    }
    if (request->part_case() == options_.header_case) {
      if (upload_) return InvalidArgument("MESSAGE_ORDER", "a second header in one stream");
      SR_ASSIGN_OR_RETURN(upload_, options_.begin(*request));
      return std::optional<Result>();
    }
    if (!upload_) return InvalidArgument("MESSAGE_ORDER", "the first message must be a header");
    if (request->part_case() == Request::kTrailer) {
      SR_ASSIGN_OR_RETURN(Result result, upload_->Finish(request->trailer().size()));
      return std::optional<Result>(std::move(result));
    }
    if (request->part_case() != Request::kChunk) {
      return InvalidArgument("MESSAGE_ORDER", "a message is neither header, chunk nor trailer");
    }
    if (request->chunk().size() > kMaxChunkBytes) {
      return InvalidArgument("CHUNK_TOO_LARGE", "a chunk has more than 1 MiB");
    }
    SR_RETURN_IF_ERROR(upload_->AppendOwned(std::move(*request->mutable_chunk())));
    return std::optional<Result>();
  }

  Executor& executor_;
  const Options options_;
  std::shared_ptr<Stream> stream_;
  bool admitted_ = false;
  std::unique_ptr<Upload<Result>> upload_;
  Mutex mu_;
  // At most two that wait to be handled; nullopt: no more will come.
  std::deque<std::optional<Request>> arrived_ SR_GUARDED_BY(mu_);
  bool running_ SR_GUARDED_BY(mu_) = false;  // a task is queued or runs
  bool reading_ SR_GUARDED_BY(mu_) = true;
};

}  // namespace stockroom::fileserver
