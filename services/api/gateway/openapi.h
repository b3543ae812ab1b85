// The OpenAPI document, made from the protos when this was built (tools/openapi).
#pragma once

#include <string_view>

namespace stockroom::api {

// JSON, OpenAPI 3.1.
std::string_view OpenApiDocument();

}  // namespace stockroom::api
