// Watch: the next batch is asked for only when the one before has been written, so that a slow
// watcher costs its position and one message.
#pragma once

#include <memory>

#include "services/api/handlers/event_handlers.h"
#include "services/api/rpc/front.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/v1/events.pb.h"

namespace stockroom::api {

// One call. Reactions and answers of the watch never come at the same time, but for the end.
class WatchWrites final : public rpc::WriteHandler<v1::WatchResponse>,
                          public std::enable_shared_from_this<WatchWrites> {
 public:
  // `front` must outlive the call.
  WatchWrites(EventHandlers& handlers, Front& front, absl::StatusOr<Credentials> credentials,
              v1::WatchRequest request)
      : handlers_(handlers),
        front_(front),
        credentials_(std::move(credentials)),
        request_(std::move(request)) {}

  void OnOpen(std::shared_ptr<rpc::WriteStream<v1::WatchResponse>> stream) override;
  void OnWritten(bool ok) override;
  void OnClosed() override;

 private:
  EventWatch::Done WriteIt();

  EventHandlers& handlers_;
  Front& front_;
  const absl::StatusOr<Credentials> credentials_;
  const v1::WatchRequest request_;
  std::shared_ptr<rpc::WriteStream<v1::WatchResponse>> stream_;
  std::shared_ptr<EventWatch> watch_;
  absl::Time ends_ = absl::InfiniteFuture();  // besides the call's deadline
  std::unique_ptr<Cancellation::Registration> on_cancel_;
};

}  // namespace stockroom::api
