// stockroom.v1.EventService as plain functions. Errors are listed in the proto.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/api/domain/event_feed.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/events.pb.h"

namespace stockroom::api {

class EventHandlers {
 public:
  explicit EventHandlers(EventFeed& feed) : feed_(feed) {}

  absl::StatusOr<std::shared_ptr<EventWatch>> Watch(const Principal& who,
                                                    const v1::WatchRequest& request);
  static v1::WatchResponse ToResponse(const WatchBatch& batch);

  void AddTo(MethodTable& table);

 private:
  EventFeed& feed_;
};

}  // namespace stockroom::api
