// Page tokens of lists that go from the newest image to the oldest.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

// INVALID_ARGUMENT unless empty or a token of the page before.
absl::StatusOr<std::optional<ListCursor>> CursorOf(const std::string& token);
// Of the last image of a page.
std::string TokenOf(const Image& image);

}  // namespace stockroom::api
