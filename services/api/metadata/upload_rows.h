// Direct uploads as rows, alike in every SQL database (see image_rows.h), and the UploadStore on
// them. Uploads are always locked before images.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/upload_rules.h"
#include "services/api/domain/upload_store.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/json_columns.h"
#include "services/api/metadata/key_rows.h"
#include "services/api/metadata/sql_blob.h"
#include "services/api/metadata/upload_transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

// An absent SHA-256 or MD5 is empty, an absent CRC-32C NULL.
#define SR_UPLOAD_COLUMNS                                                                      \
  "id, owner, title, description, license, visibility, tags, attributes, filename, "           \
  "content_type, size_bytes, sha256, md5, crc32c, allow_duplicate, state, failure, image_id, " \
  "deduplicated, create_time, expire_time, end_time, check_time, checks, incoming_gone"

template <typename Query>
absl::StatusOr<DirectUpload> ReadUploadRow(const Query& row) {
  int column = 0;
  const auto text = [&] { return row.Text(column++); };
  const auto number = [&] { return row.Integer(column++); };
  DirectUpload upload;
  upload.id = text();
  upload.owner = text();
  upload.described.title = text();
  upload.described.description = text();
  upload.described.license = text();
  upload.described.visibility = static_cast<Visibility>(number());
  SR_RETURN_IF_ERROR(ListFromJson(text(), upload.described.tags));
  SR_RETURN_IF_ERROR(MapFromJson(text(), upload.described.attributes));
  upload.filename = text();
  upload.content_type = text();
  upload.size_bytes = number();
  if (const std::string digest = text(); !digest.empty()) {
    SR_ASSIGN_OR_RETURN(upload.sha256, Digest::FromBytes(digest));
  }
  upload.md5 = text();
  if (!row.IsNull(column)) upload.crc32c = static_cast<uint32_t>(row.Integer(column));
  ++column;
  upload.allow_duplicate = number() != 0;
  upload.state = static_cast<UploadState>(number());
  upload.failure = text();
  upload.image_id = text();
  upload.deduplicated = number() != 0;
  upload.create_time = absl::FromUnixMicros(number());
  upload.expire_time = absl::FromUnixMicros(number());
  if (!row.IsNull(column)) upload.end_time = absl::FromUnixMicros(row.Integer(column));
  ++column;
  upload.check_time = absl::FromUnixMicros(number());
  upload.checks = static_cast<int32_t>(number());
  upload.incoming_gone = number() != 0;
  return upload;
}

template <typename Query>
absl::StatusOr<std::vector<DirectUpload>> ReadUploadRows(Query& query) {
  std::vector<DirectUpload> uploads;
  while (query.Step()) {
    SR_ASSIGN_OR_RETURN(DirectUpload upload, ReadUploadRow(query));
    uploads.push_back(std::move(upload));
  }
  SR_RETURN_IF_ERROR(query.status());
  return uploads;
}

template <typename Db>
absl::StatusOr<DirectUpload> FindUploadRow(Db& db, const std::string& id) {
  auto query = db.Query("SELECT " SR_UPLOAD_COLUMNS " FROM uploads WHERE id = ?");
  if (query.Bind(id).Step()) return ReadUploadRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return NoSuchUpload(id);
}

template <typename Db>
absl::Status CheckRoomForUpload(Db& db, const DirectUpload& upload, int max_open) {
  {
    auto open = db.Query("SELECT COUNT(*) FROM uploads WHERE owner = ? AND state = ?");
    if (!open.Bind(upload.owner, static_cast<int>(UploadState::kOpen)).Step()) {
      return open.status();
    }
    if (open.Integer(0) >= max_open) return TooManyUploads(max_open);
  }
  auto taken =
      db.Query("SELECT 1 FROM uploads WHERE id = ? UNION ALL SELECT 1 FROM images WHERE id = ?");
  if (taken.Bind(upload.id, upload.id).Step()) return IdTaken(upload.id);
  return taken.status();
}

template <typename Db>
absl::Status InsertUploadRow(Db& db, const DirectUpload& upload) {
  const Description& d = upload.described;
  std::optional<int64_t> crc32c;
  if (upload.crc32c) crc32c = *upload.crc32c;
  return db
      .Query("INSERT INTO uploads (" SR_UPLOAD_COLUMNS
             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(upload.id, upload.owner, d.title, d.description, d.license,
            static_cast<int>(d.visibility), ToJson(d.tags), ToJson(d.attributes), upload.filename,
            upload.content_type, upload.size_bytes,
            SqlBlob{upload.sha256 ? upload.sha256->bytes() : std::string_view()},
            SqlBlob{upload.md5}, crc32c, upload.allow_duplicate ? 1 : 0,
            static_cast<int>(upload.state), upload.failure, upload.image_id,
            upload.deduplicated ? 1 : 0, absl::ToUnixMicros(upload.create_time),
            absl::ToUnixMicros(upload.expire_time), OptionalMicros(upload.end_time),
            absl::ToUnixMicros(upload.check_time), upload.checks, upload.incoming_gone ? 1 : 0)
      .Run();
}

// True if it was OPEN. Whoever changes it first holds it until the commit.
template <typename Db>
absl::StatusOr<bool> EndUploadRow(Db& db, const std::string& id, UploadState to,
                                  const std::string& failure, absl::Time now, absl::Time check) {
  SR_RETURN_IF_ERROR(db.Query("UPDATE uploads SET state = ?, failure = ?, end_time = ?,"
                              " check_time = ? WHERE id = ? AND state = ?")
                         .Bind(static_cast<int>(to), failure, absl::ToUnixMicros(now),
                               absl::ToUnixMicros(check), id, static_cast<int>(UploadState::kOpen))
                         .Run());
  return db.Changes() > 0;
}

// The first half of CreateImage for an upload: it is COMPLETED now; or it was before, and what it
// became is returned. NOT_FOUND, the error of UploadEnded.
template <typename Db>
absl::StatusOr<std::optional<CreatedImage>> ClaimUploadRow(Db& db, const std::string& id,
                                                           absl::Time now) {
  SR_ASSIGN_OR_RETURN(const bool claimed, EndUploadRow(db, id, UploadState::kCompleted, "", now,
                                                       now + kCleanUpPatience));
  if (claimed) return std::nullopt;
  SR_ASSIGN_OR_RETURN(const DirectUpload upload, FindUploadRow(db, id));
  SR_RETURN_IF_ERROR(UploadEnded(upload));
  SR_ASSIGN_OR_RETURN(Image image, FindImageRow(db, upload.image_id));
  return CreatedImage{std::move(image), upload.deduplicated};
}

// The second half: which image it became.
template <typename Db>
absl::Status NoteUploadImage(Db& db, const std::string& id, const CreatedImage& created) {
  return db.Query("UPDATE uploads SET image_id = ?, deduplicated = ? WHERE id = ?")
      .Bind(created.image.id, created.deduplicated ? 1 : 0, id)
      .Run();
}

// `Store` is a SQL store: Read<T>(work on its connection), Write<T>(work in a transaction).
template <typename Store>
class SqlUploadStore final : public UploadStore {
 public:
  explicit SqlUploadStore(Store& store) : store_(store) {}

  absl::Status CreateUpload(const DirectUpload& upload, int max_open,
                            const std::optional<IdempotentWrite>& once) override {
    SR_ASSIGN_OR_RETURN(const DirectUpload stored, StoredUpload(upload));
    return Write([&](auto& db) -> absl::Status {
      SR_RETURN_IF_ERROR(CheckRoomForUpload(db, stored, max_open));
      SR_RETURN_IF_ERROR(InsertUploadRow(db, stored));
      return AnswerKeyRow(db, once, UploadingImage(stored), false);
    });
  }
  absl::StatusOr<DirectUpload> GetUpload(const std::string& id) override {
    return store_.template Read<DirectUpload>([&](auto& db) { return FindUploadRow(db, id); });
  }
  absl::StatusOr<std::vector<DirectUpload>> ListUploads(const std::string& owner,
                                                        const std::string& before,
                                                        int limit) override {
    return store_.template Read<std::vector<DirectUpload>>([&](auto& db) {
      auto query = db.Query("SELECT " SR_UPLOAD_COLUMNS
                            " FROM uploads WHERE owner = ? AND id < ? ORDER BY id DESC LIMIT ?");
      // Greater than every id.
      query.Bind(owner, before.empty() ? std::string("~") : before, std::max(limit, 0));
      return ReadUploadRows(query);
    });
  }
  absl::StatusOr<EndedUpload> EndUpload(const std::string& id, UploadState to,
                                        const std::string& failure, absl::Time now) override {
    return store_.template Write<EndedUpload>([&](auto& write) -> absl::StatusOr<EndedUpload> {
      EndedUpload ended;
      SR_ASSIGN_OR_RETURN(ended.by_this_call, EndUploadRow(write.db, id, to, failure, now, now));
      SR_ASSIGN_OR_RETURN(ended.upload, FindUploadRow(write.db, id));
      return ended;
    });
  }

  absl::StatusOr<std::vector<DirectUpload>> DueUploads(absl::Time now, int limit) override {
    return store_.template Read<std::vector<DirectUpload>>([&](auto& db) {
      auto query = db.Query("SELECT " SR_UPLOAD_COLUMNS
                            " FROM uploads WHERE check_time <= ? ORDER BY check_time, id LIMIT ?");
      query.Bind(absl::ToUnixMicros(now), std::max(limit, 0));
      return ReadUploadRows(query);
    });
  }
  absl::Status PostponeUpload(const std::string& id, absl::Time next) override {
    return Write([&](auto& db) {
      return db.Query("UPDATE uploads SET check_time = ?, checks = checks + 1 WHERE id = ?")
          .Bind(absl::ToUnixMicros(next), id)
          .Run();
    });
  }
  absl::Status NoteIncomingGone(const std::string& id, absl::Time next) override {
    return Write([&](auto& db) {
      return db
          .Query("UPDATE uploads SET incoming_gone = 1, check_time = ? WHERE id = ? AND state <> ?")
          .Bind(absl::ToUnixMicros(next), id, static_cast<int>(UploadState::kOpen))
          .Run();
    });
  }
  absl::Status ForgetUpload(const std::string& id) override {
    return Write([&](auto& db) {
      return db.Query("DELETE FROM uploads WHERE id = ? AND state <> ? AND incoming_gone = 1")
          .Bind(id, static_cast<int>(UploadState::kOpen))
          .Run();
    });
  }

 private:
  template <typename Work>
  absl::Status Write(const Work& work) {
    return store_
        .template Write<bool>([&](auto& write) -> absl::StatusOr<bool> {
          SR_RETURN_IF_ERROR(work(write.db));
          return true;
        })
        .status();
  }

  Store& store_;
};

}  // namespace stockroom::api
