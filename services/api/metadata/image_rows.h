// Images as rows, alike in every SQL database. `Db` is SqliteConnection or MysqlConnection; both
// give queries with Bind, Step, Run, Integer, IsNull and Text.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/api/domain/access.h"
#include "services/api/domain/image.h"
#include "services/api/metadata/json_columns.h"
#include "services/api/metadata/sql_blob.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

// Column list for SELECT; ReadImageRow expects it to start at column `first`.
#define SR_IMAGE_COLUMNS                                                                     \
  "images.id, images.owner, images.title, images.description, images.license, "              \
  "images.visibility, images.state, images.failure_reason, images.filename, images.sha256, " \
  "images.md5, images.size_bytes, images.width, images.height, images.format, "              \
  "images.media_type, images.frames, images.taken_time, images.analysis, images.tags, "      \
  "images.attributes, images.renditions, images.create_time, images.update_time, "           \
  "images.revision, images.quarantined, images.work_plan"

namespace stockroom::api {

inline std::optional<int64_t> OptionalMicros(const std::optional<absl::Time>& time) {
  if (!time) return std::nullopt;
  return absl::ToUnixMicros(*time);
}

// DATA_LOSS if a column holds what Stockroom never wrote.
template <typename Query>
absl::StatusOr<Image> ReadImageRow(const Query& row, int first = 0) {
  int column = first;
  const auto text = [&] { return row.Text(column++); };
  const auto number = [&] { return row.Integer(column++); };
  Image image;
  image.id = text();
  image.owner = text();
  image.described.title = text();
  image.described.description = text();
  image.described.license = text();
  image.described.visibility = static_cast<Visibility>(number());
  image.state = static_cast<ImageState>(number());
  image.failure_reason = text();
  image.filename = text();
  const absl::StatusOr<Digest> digest = Digest::FromBytes(text());
  image.md5 = text();
  image.size_bytes = number();
  image.facts.width = static_cast<int32_t>(number());
  image.facts.height = static_cast<int32_t>(number());
  image.facts.format = text();
  image.facts.media_type = text();
  image.facts.frames = static_cast<int32_t>(number());
  if (!row.IsNull(column)) image.facts.taken_time = absl::FromUnixMicros(row.Integer(column));
  ++column;
  absl::Status json = MapFromJson(text(), image.analysis);
  json.Update(ListFromJson(text(), image.described.tags));
  json.Update(MapFromJson(text(), image.described.attributes));
  json.Update(RenditionsFromJson(text(), image.renditions));
  image.create_time = absl::FromUnixMicros(number());
  image.update_time = absl::FromUnixMicros(number());
  image.revision = number();
  image.quarantined = number() != 0;
  image.work_plan = text();
  if (!digest.ok() || !json.ok()) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      absl::StrCat("the row of image ", image.id, " can not be read: ",
                                   json.ok() ? digest.status().message() : json.message()),
                      {.reason = "DATABASE_CORRUPT"});
  }
  image.sha256 = *digest;
  return image;
}

template <typename Db>
absl::Status InsertImageRow(Db& db, const Image& image) {
  const Description& d = image.described;
  return db
      .Query(
          "INSERT INTO images (id, owner, title, description, license, visibility, state, "
          "failure_reason, filename, sha256, md5, size_bytes, width, height, format, media_type, "
          "frames, taken_time, analysis, tags, attributes, renditions, create_time, update_time, "
          "revision, quarantined, work_plan) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(image.id, image.owner, d.title, d.description, d.license,
            static_cast<int>(d.visibility), static_cast<int>(image.state), image.failure_reason,
            image.filename, SqlBlob{image.sha256.bytes()}, SqlBlob{image.md5}, image.size_bytes,
            image.facts.width, image.facts.height, image.facts.format, image.facts.media_type,
            image.facts.frames, OptionalMicros(image.facts.taken_time), ToJson(image.analysis),
            ToJson(d.tags), ToJson(d.attributes), ToJson(image.renditions),
            absl::ToUnixMicros(image.create_time), absl::ToUnixMicros(image.update_time),
            image.revision, image.quarantined ? 1 : 0, image.work_plan)
      .Run();
}

// Everything that changes after creation.
template <typename Db>
absl::Status UpdateImageRow(Db& db, const Image& image) {
  const Description& d = image.described;
  return db
      .Query(
          "UPDATE images SET title = ?, description = ?, license = ?, visibility = ?, state = ?, "
          "failure_reason = ?, width = ?, height = ?, format = ?, media_type = ?, frames = ?, "
          "taken_time = ?, analysis = ?, tags = ?, attributes = ?, renditions = ?, "
          "update_time = ?, revision = ?, quarantined = ?, work_plan = ? WHERE id = ?")
      .Bind(d.title, d.description, d.license, static_cast<int>(d.visibility),
            static_cast<int>(image.state), image.failure_reason, image.facts.width,
            image.facts.height, image.facts.format, image.facts.media_type, image.facts.frames,
            OptionalMicros(image.facts.taken_time), ToJson(image.analysis), ToJson(d.tags),
            ToJson(d.attributes), ToJson(image.renditions), absl::ToUnixMicros(image.update_time),
            image.revision, image.quarantined ? 1 : 0, image.work_plan, image.id)
      .Run();
}

// The only row of `query`, whose columns start with SR_IMAGE_COLUMNS. NOT_FOUND (naming `id`).
template <typename Query>
absl::StatusOr<Image> ReadOnlyImageRow(Query& query, const std::string& id) {
  if (query.Step()) return ReadImageRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return NoSuchImage(id);
}

// NOT_FOUND.
template <typename Db>
absl::StatusOr<Image> FindImageRow(Db& db, const std::string& id) {
  auto query = db.Query("SELECT " SR_IMAGE_COLUMNS " FROM images WHERE id = ?");
  return ReadOnlyImageRow(query.Bind(id), id);
}

// All rows of `query`, whose columns start with SR_IMAGE_COLUMNS.
template <typename Query>
absl::StatusOr<std::vector<Image>> ReadImageRows(Query& query) {
  std::vector<Image> images;
  while (query.Step()) {
    SR_ASSIGN_OR_RETURN(Image image, ReadImageRow(query));
    images.push_back(std::move(image));
  }
  SR_RETURN_IF_ERROR(query.status());
  return images;
}

// Images handed on together while a snapshot is visited, so that a catalogue never lies in memory
// as a whole.
inline constexpr size_t kSnapshotBatch = 64;

// Hands all rows of `query`, whose columns start with SR_IMAGE_COLUMNS, to `visit`
// (absl::Status(std::vector<Image>)), kSnapshotBatch at a time. Its first error ends the visit.
template <typename Query, typename Visit>
absl::Status VisitImageRows(Query& query, const Visit& visit) {
  std::vector<Image> batch;
  while (query.Step()) {
    batch.reserve(kSnapshotBatch);
    SR_ASSIGN_OR_RETURN(Image image, ReadImageRow(query));
    batch.push_back(std::move(image));
    if (batch.size() == kSnapshotBatch) SR_RETURN_IF_ERROR(visit(std::exchange(batch, {})));
  }
  SR_RETURN_IF_ERROR(query.status());
  return batch.empty() ? absl::OkStatus() : visit(std::move(batch));
}

}  // namespace stockroom::api
