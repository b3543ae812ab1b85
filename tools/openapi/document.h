// The OpenAPI document of the REST gateway, from the services' protos.
#pragma once

#include <google/protobuf/descriptor.h>

#include <span>
#include <string>

#include "tools/openapi/schemas.h"

namespace stockroom::openapi {

// OpenAPI 3.1. `services` with their comments; methods without google.api.http are left out. What
// the gateway serves besides them (pictures, health) is added.
Json MakeDocument(std::span<const google::protobuf::ServiceDescriptor* const> services,
                  const std::string& version);

}  // namespace stockroom::openapi
