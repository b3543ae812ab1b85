// Images as rows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/metadata/sqlite_connection.h"

// Column list for SELECT; ReadImageRow expects it to start at column `first`.
#define SR_IMAGE_COLUMNS                                                                     \
  "images.id, images.owner, images.title, images.description, images.license, "              \
  "images.visibility, images.state, images.failure_reason, images.filename, images.sha256, " \
  "images.md5, images.size_bytes, images.width, images.height, images.format, "              \
  "images.media_type, images.frames, images.taken_time, images.analysis, images.tags, "      \
  "images.attributes, images.renditions, images.create_time, images.update_time, "           \
  "images.revision, images.quarantined, images.work_plan"

namespace stockroom::api {

inline constexpr int kImageColumns = 27;

// DATA_LOSS if a column holds what Stockroom never wrote.
absl::StatusOr<Image> ReadImageRow(const SqliteQuery& row, int first = 0);

absl::Status InsertImageRow(SqliteConnection& db, const Image& image);
// Everything that changes after creation.
absl::Status UpdateImageRow(SqliteConnection& db, const Image& image);

// NOT_FOUND.
absl::StatusOr<Image> FindImageRow(SqliteConnection& db, const std::string& id);
// All rows of `query`, whose columns start with SR_IMAGE_COLUMNS.
absl::StatusOr<std::vector<Image>> ReadImageRows(SqliteQuery& query);

}  // namespace stockroom::api
