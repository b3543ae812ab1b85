#include "services/api/gateway/event_stream.h"

#include <stockroom/v1/events.pb.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using http::Task;
using stockroom::v1::WatchResponse;

// How soon browsers come back when the connection broke.
constexpr char kRetry[] = "retry: 2000\n";

absl::Status BadLastEventId() {
  return InvalidArgument("BAD_LAST_EVENT_ID", "Last-Event-ID is not an id that Stockroom has sent");
}

// An id without data moves the place to come back to and is no event.
void AppendId(int64_t position, std::string& out) {
  absl::StrAppend(&out, "id: ", position, "\n\n");
}

class EventBody final : public http::BodySource {
 public:
  EventBody(const EventRoute& route, std::unique_ptr<ResponseStream> stream,
            const CallContext& context)
      : binding_(route.binding), stream_(std::move(stream)), deadline_(context.deadline) {
    on_cancel_ = context.cancellation->OnCancel([shared = stream_] { shared->End(); });
  }

  Task<http::ByteResult> Next() override {
    if (absl::Now() >= deadline_) co_return std::optional<std::string>();
    auto next = [this](auto done) { stream_->Next(std::move(done)); };
    const absl::StatusOr<MessagePtr> message =
        co_await http::AwaitCallback<absl::StatusOr<MessagePtr>>(next);
    if (!message.ok() && begun_) co_return std::optional<std::string>();
    if (!message.ok()) co_return message.status();
    const auto& response = static_cast<const WatchResponse&>(**message);
    std::string piece = std::exchange(begun_, true) ? "" : kRetry;
    for (const auto& event : response.events()) {
      const absl::StatusOr<std::string> json = RenderResponse(binding_, event);
      if (!json.ok()) co_return json.status();
      absl::StrAppend(&piece, "event: ", event.type(), "\ndata: ", *json, "\n");
      AppendId(event.position(), piece);
    }
    const bool moved_on =
        response.events_size() == 0 ||
        response.events(response.events_size() - 1).position() < response.position();
    if (moved_on) AppendId(response.position(), piece);
    co_return std::optional<std::string>(std::move(piece));
  }

 private:
  const Binding binding_;
  // Shared with the cancellation, which may come while this is being destroyed.
  const std::shared_ptr<ResponseStream> stream_;
  const absl::Time deadline_;
  bool begun_ = false;
  std::unique_ptr<Cancellation::Registration> on_cancel_;
};

absl::StatusOr<MessagePtr> ReadRequest(const EventRoute& route, const http::Request& request) {
  HttpInput input;
  input.captures = request.captures;
  input.query = request.query;
  SR_ASSIGN_OR_RETURN(MessagePtr message, BuildRequest(route.binding, input));
  const std::optional<std::string_view> last = request.headers.Find("Last-Event-ID");
  if (!last.has_value() || last->empty()) return message;
  int64_t position = 0;
  if (!absl::SimpleAtoi(Av(*last), &position) || position < 0) return BadLastEventId();
  static_cast<stockroom::v1::WatchRequest&>(*message).set_after_position(position);
  return message;
}

}  // namespace

Task<absl::StatusOr<http::Response>> HandleEvents(const EventRoute& route, const Principal& who,
                                                  http::Request& request) {
  const absl::StatusOr<MessagePtr> message = ReadRequest(route, request);
  if (!message.ok()) co_return message.status();
  absl::StatusOr<std::unique_ptr<ResponseStream>> stream =
      route.method.open(request.context, who, **message);
  if (!stream.ok()) co_return stream.status();
  http::Response response;
  response.headers.Set("Content-Type", "text/event-stream");
  response.headers.Set("Cache-Control", "no-store");
  response.headers.Set("X-Accel-Buffering", "no");  // nginx would hold events back
  response.stream = std::make_unique<EventBody>(route, *std::move(stream), request.context);
  co_return response;
}

}  // namespace stockroom::api
