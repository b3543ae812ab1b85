// Routes of the gateway that are no RPCs, in the OpenAPI document; and what their description
// shares with that of RPCs.
#pragma once

#include <string>

#include "tools/openapi/schemas.h"

namespace stockroom::openapi {

void AddNativeRoutes(Json& paths);

// {"$ref": "#/components/<what>"}
Json Reference(const std::string& what);
Json Content(const std::string& media_type, Json schema);
// Either way of showing who one is, with the scope; or nothing, where the operator allows that.
Json Security(const std::string& scope);

}  // namespace stockroom::openapi
