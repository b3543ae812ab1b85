// What changes of a checkpoint's segments while they themselves do not, as one file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/api/search/store/checkpoint.h"

namespace stockroom::api {

// Pieces of one text, most of them views of `segments`.
class CheckpointColumns {
 public:
  // Columns fit their segments.
  explicit CheckpointColumns(const std::vector<CheckpointSegment>& segments);
  const std::vector<std::string_view>& parts() const { return parts_; }

 private:
  void Add(const std::vector<uint32_t>& column);

  std::vector<std::string> heads_;
  std::vector<std::string_view> parts_;
};

// Fills in everything but `segment`, which is there. DATA_LOSS.
absl::Status ParseColumns(std::string_view bytes, std::vector<CheckpointSegment>& segments);

// Where the documents lie that live: sets FileMark::live. DATA_LOSS if one lies outside of the
// files, or two at one place.
absl::Status FindLiveDocuments(const std::vector<CheckpointSegment>& segments,
                               std::vector<DocumentStore::FileMark>& files);

}  // namespace stockroom::api
