#include "services/api/rpc/watch_writes.h"

#include <utility>

namespace stockroom::api {

void WatchWrites::OnOpen(std::shared_ptr<rpc::WriteStream<v1::WatchResponse>> stream) {
  stream_ = std::move(stream);
  // The answer may come on another thread, and the stream's end right after it.
  AdmitCall<v1::WatchRequest>(
      front_, stream_->context(), credentials_,
      [self = shared_from_this(), opened = stream_](absl::StatusOr<Principal> who) {
        if (!who.ok()) return opened->Finish(who.status());
        absl::StatusOr<std::shared_ptr<EventWatch>> watch =
            self->handlers_.Watch(*who, self->request_);
        if (!watch.ok()) return opened->Finish(watch.status());
        self->watch_ = *watch;
        if (!who->anonymous) self->ends_ = absl::Now() + kLongestTrust;
        self->on_cancel_ =
            opened->context().cancellation->OnCancel([held = *watch] { held->End(); });
        (*watch)->Begin(self->WriteIt());
      });
}

EventWatch::Done WatchWrites::WriteIt() {
  return [stream = stream_](absl::StatusOr<WatchBatch> batch) {
    if (!batch.ok()) return stream->Finish(batch.status());
    stream->Write(EventHandlers::ToResponse(*batch));
  };
}

void WatchWrites::OnWritten(bool ok) {
  if (!ok) return stream_->Finish(absl::CancelledError("the watcher is gone"));
  if (stream_->context().TimeLeft() <= absl::ZeroDuration() || absl::Now() >= ends_) {
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
