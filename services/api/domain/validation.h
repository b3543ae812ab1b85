// Limits on what people say about images. The reason for each limit: a record must stay small
// enough to be kept in every api's memory, and long enough for any honest use.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

inline constexpr size_t kMaxTitle = 300;           // characters
inline constexpr size_t kMaxDescription = 10'000;  // characters
inline constexpr size_t kMaxTags = 100;
inline constexpr size_t kMaxTag = 100;      // characters
inline constexpr size_t kMaxLicense = 200;  // characters
inline constexpr size_t kMaxAttributes = 64;
inline constexpr size_t kMaxAttributeKey = 64;       // characters
inline constexpr size_t kMaxAttributeValue = 1'000;  // characters
inline constexpr size_t kMaxFilename = 255;          // bytes, as file systems have it
inline constexpr size_t kMaxAnalysisBytes = 64 << 10;
// Of all results of an image: its record must fit into one gRPC message, whose usual limit is 4
// MiB.
inline constexpr size_t kMaxAllAnalysisBytes = 1 << 20;

// Trims tags, drops empty and repeated ones, and checks everything. INVALID_ARGUMENT names the
// field.
absl::Status NormaliseDescription(Description& description);

// The last component of whatever path a client sent, cut to kMaxFilename, without control
// characters.
std::string CleanFilename(std::string_view from_client);

// INVALID_ARGUMENT unless `id` is a UUID.
absl::Status CheckImageId(std::string_view id);

// INVALID_ARGUMENT unless `name` may name a processor's result.
absl::Status CheckAnalysisName(std::string_view name);

// INVALID_ARGUMENT unless `type` is one of Event::type.
absl::Status CheckEventType(std::string_view type);

}  // namespace stockroom::api
