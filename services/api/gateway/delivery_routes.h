// GET and HEAD of pictures. Internal to services/api/gateway.
#pragma once

#include <memory>
#include <optional>

#include "services/api/gateway/gateway.h"

namespace stockroom::api {

// /i/{id}/… (services/api/domain/picture_url.h): strong ETags, 304, ranges. What follows the id is
// captured as `path`.
http::Task<absl::StatusOr<http::Response>> HandleDelivery(Delivery& delivery,
                                                          const GatewayOptions& options,
                                                          const Principal& who,
                                                          http::Request& request);

// The same for what is in memory; see http::TryHandler.
std::optional<absl::StatusOr<http::Response>> TryDelivery(Delivery& delivery,
                                                          const GatewayOptions& options,
                                                          const Principal& who,
                                                          const http::Request& request);

}  // namespace stockroom::api
