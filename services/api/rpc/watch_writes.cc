#include "services/api/rpc/watch_writes.h"

#include <utility>

namespace stockroom::api {

void WatchWrites::OnOpen(std::shared_ptr<rpc::WriteStream<v1::WatchResponse>> stream) {
  stream_ = std::move(stream);
  absl::StatusOr<std::shared_ptr<EventWatch>> watch = handlers_.Watch(who_, request_);
  if (!watch.ok()) return stream_->Finish(watch.status());
  watch_ = *std::move(watch);
  on_cancel_ = stream_->context().cancellation->OnCancel([watch = watch_] { watch->End(); });
  watch_->Begin(WriteIt());
}

EventWatch::Done WatchWrites::WriteIt() {
  return [stream = stream_](absl::StatusOr<WatchBatch> batch) {
    if (!batch.ok()) return stream->Finish(batch.status());
    stream->Write(EventHandlers::ToResponse(*batch));
  };
}

void WatchWrites::OnWritten(bool ok) {
  if (!ok) return stream_->Finish(absl::CancelledError("the watcher is gone"));
  if (stream_->context().TimeLeft() <= absl::ZeroDuration()) {
    return stream_->Finish(absl::OkStatus());
  }
  watch_->Next(WriteIt());
}

void WatchWrites::OnClosed() {
  on_cancel_.reset();
  if (watch_ != nullptr) watch_->End();
  watch_.reset();
  stream_.reset();
}

}  // namespace stockroom::api
