// What a request's headers say about the pictures that its sender likes. Pure.
#pragma once

#include "services/api/domain/negotiation.h"
#include "services/common/http/message.h"

namespace stockroom::api {

// Accept, with quality values; and, if `client_hints`, DPR, Width and Viewport-Width (also with
// "Sec-CH-" in front) and Save-Data. Headers that can not be understood count as absent.
Preferences ReadPreferences(const http::Headers& headers, bool client_hints);

// For Vary.
inline constexpr char kVaryAccept[] = "Accept";
inline constexpr char kVaryHints[] =
    "Accept, Sec-CH-DPR, DPR, Sec-CH-Width, Width, Sec-CH-Viewport-Width, Viewport-Width, "
    "Save-Data";
// For Accept-CH.
inline constexpr char kHints[] =
    "Sec-CH-DPR, Sec-CH-Width, Sec-CH-Viewport-Width, DPR, Width, Viewport-Width, Save-Data";

}  // namespace stockroom::api
