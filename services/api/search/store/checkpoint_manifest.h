// The list of a checkpoint's files, and its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {

struct ManifestFile {
  std::string name;
  uint64_t bytes = 0;
  uint32_t crc = 0;

  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

struct Manifest {
  uint64_t number = 0;
  uint32_t format = 0;
  int64_t feed_position = 0;
  std::string catalogue_id;
  ManifestFile columns;
  std::vector<ManifestFile> segments;
  std::vector<DocumentStore::FileMark> documents;  // without `live`

  bool Names(std::string_view file) const;
};

// A line each for the members above, "end" and the checksum of all before in the last one.
std::string ManifestText(const Manifest& manifest);
// DATA_LOSS for whatever ManifestText does not write. Names of files are names, not paths.
absl::StatusOr<Manifest> ParseManifest(std::string_view text);

std::string ManifestName(uint64_t number);
std::string ColumnsName(uint64_t number);
std::string SegmentName(std::string_view bytes);

}  // namespace stockroom::api
