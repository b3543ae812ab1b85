// What lies in the folder of the search index: a folder for each index that was built, and in it,
// beside the checkpoint, a mark of the event that the checkpoint goes up to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stockroom::api {

// ROOT/index-N.
std::string IndexFolder(const std::string& root, int64_t number);
// The numbers of those folders, the highest first. What else lies there is not ours.
std::vector<int64_t> IndexNumbersIn(const std::string& root);
// With all that is in it. Nothing for an empty name.
void RemoveIndexFolder(const std::string& folder);

// FOLDER/event-POSITION holds the event in words. INTERNAL: it can not be written.
absl::Status WriteEventMark(const std::string& folder, int64_t position, const std::string& event);
// Empty if there is none.
std::string ReadEventMark(const std::string& folder, int64_t position);
void RemoveEventMarksBut(const std::string& folder, int64_t position);

}  // namespace stockroom::api
