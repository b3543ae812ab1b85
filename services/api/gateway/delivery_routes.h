// GET and HEAD of pictures. Internal to services/api/gateway.
#pragma once

#include <memory>

#include "services/api/gateway/gateway.h"

namespace stockroom::api {

// /i/{id}/original, /i/{id}/original.{ext} and /i/{id}/{preset}.{ext}: strong ETags, 304, ranges.
// The last segment is captured as `file`.
http::Task<absl::StatusOr<http::Response>> HandleDelivery(Delivery& delivery,
                                                          const GatewayOptions& options,
                                                          const Principal& who,
                                                          http::Request& request);

}  // namespace stockroom::api
