#include "services/api/handlers/event_handlers.h"

#include <utility>

#include "services/api/domain/validation.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

void ToMessage(const Event& event, v1::Event* out) {
  out->set_position(event.position);
  out->set_id(event.id);
  out->set_type(event.type);
  out->set_image_id(event.image_id);
  out->set_revision(event.revision);
  *out->mutable_time() = ToTimestamp(event.time);
}

// A watch for front ends that only know messages.
class WatchMessages final : public ResponseStream {
 public:
  explicit WatchMessages(std::shared_ptr<EventWatch> watch) : watch_(std::move(watch)) {}
  ~WatchMessages() override { watch_->End(); }
  void Next(Done done) override {
    auto convert = [done = std::move(done)](absl::StatusOr<WatchBatch> batch) mutable {
      if (!batch.ok()) return done(batch.status());
      done(std::make_unique<v1::WatchResponse>(EventHandlers::ToResponse(*batch)));
    };
    if (std::exchange(begun_, true)) return watch_->Next(std::move(convert));
    watch_->Begin(std::move(convert));
  }
  void End() override { watch_->End(); }

 private:
  const std::shared_ptr<EventWatch> watch_;
  bool begun_ = false;
};

}  // namespace

absl::StatusOr<std::shared_ptr<EventWatch>> EventHandlers::Watch(const Principal& who,
                                                                 const v1::WatchRequest& request) {
  WatchFilter filter;
  for (const std::string& type : request.types()) {
    SR_RETURN_IF_ERROR(CheckEventType(type));
    filter.types.insert(type);
  }
  if (!request.image_id().empty()) {
    SR_RETURN_IF_ERROR(CheckImageId(request.image_id()));
    filter.image_id = request.image_id();
  }
  std::optional<int64_t> after;
  if (request.has_after_position()) after = request.after_position();
  return feed_.Open(who, std::move(filter), after);
}

v1::WatchResponse EventHandlers::ToResponse(const WatchBatch& batch) {
  v1::WatchResponse response;
  for (const Event& event : batch.events) ToMessage(event, response.add_events());
  response.set_position(batch.position);
  return response;
}

void EventHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::WatchRequest::descriptor()->file()->FindServiceByName("EventService");
  table.Add(ResponseStreamMethod{.descriptor = service->FindMethodByName("Watch"),
                                 .open = [this](const CallContext&, const Principal& who,
                                                const google::protobuf::Message& request)
                                     -> absl::StatusOr<std::unique_ptr<ResponseStream>> {
                                   SR_ASSIGN_OR_RETURN(
                                       std::shared_ptr<EventWatch> watch,
                                       Watch(who, static_cast<const v1::WatchRequest&>(request)));
                                   return std::make_unique<WatchMessages>(std::move(watch));
                                 }});
}

}  // namespace stockroom::api
