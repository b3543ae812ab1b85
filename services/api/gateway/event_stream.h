// Server-sent events (WHATWG HTML, section 9.2) for a server-streaming RPC that answers with
// stockroom.v1.WatchResponse.
#pragma once

#include "absl/status/statusor.h"
#include "services/api/domain/principal.h"
#include "services/api/gateway/transcoder.h"
#include "services/api/handlers/method_table.h"
#include "services/common/http/message.h"
#include "services/common/http/task.h"

namespace stockroom::api {

struct EventRoute {
  ResponseStreamMethod method;
  Binding binding;
};

// Last-Event-ID, which browsers send when they come back, wins over the parameter after_position.
// Errors before the first event are problems; later ones end the stream, and the browser comes
// back to be told.
http::Task<absl::StatusOr<http::Response>> HandleEvents(const EventRoute& route,
                                                        const Principal& who,
                                                        http::Request& request);

}  // namespace stockroom::api
