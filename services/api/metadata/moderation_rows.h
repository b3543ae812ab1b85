// Moderation as rows, alike in every SQL database (see image_rows.h). Every function runs within a
// transaction of its caller.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/moderation_store.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/json_columns.h"
#include "services/api/metadata/moderation_transitions.h"
#include "services/common/base/status.h"

// Column lists for SELECT, in the orders that ReadHashRow and ReadDecisionRow expect.
#define SR_HASH_COLUMNS "hash, threshold, label, note, creator, create_time, version"
#define SR_DECISION_COLUMNS                                                          \
  "id, image_id, image_owner, time, decided_by, who, from_state, to_state, reason, " \
  "hash, distance, labels, revision"

namespace stockroom::api {

// The statements that databases word differently; each store specialises it:
//   kFence  version of the block list, which nobody changes until the transaction ends; several
//           transactions may hold it so
template <typename Db>
struct ModerationSql;

template <typename Query>
BlockedHash ReadHashRow(const Query& row) {
  return {.hash = row.Text(0),
          .threshold = static_cast<int>(row.Integer(1)),
          .label = row.Text(2),
          .note = row.Text(3),
          .creator = row.Text(4),
          .create_time = absl::FromUnixMicros(row.Integer(5)),
          .version = row.Integer(6)};
}

template <typename Query>
absl::StatusOr<std::vector<BlockedHash>> ReadHashRows(Query& query) {
  std::vector<BlockedHash> hashes;
  while (query.Step()) hashes.push_back(ReadHashRow(query));
  SR_RETURN_IF_ERROR(query.status());
  return hashes;
}

template <typename Query>
absl::StatusOr<Decision> ReadDecisionRow(const Query& row) {
  Decision decision{.id = row.Text(0),
                    .image_id = row.Text(1),
                    .image_owner = row.Text(2),
                    .time = absl::FromUnixMicros(row.Integer(3)),
                    .by = static_cast<DecidedBy>(row.Integer(4)),
                    .who = row.Text(5),
                    .from = static_cast<ImageState>(row.Integer(6)),
                    .to = static_cast<ImageState>(row.Integer(7)),
                    .reason = row.Text(8),
                    .hash = row.Text(9),
                    .distance = static_cast<int>(row.Integer(10)),
                    .labels = {},
                    .revision = row.Integer(12)};
  SR_RETURN_IF_ERROR(ListFromJson(row.Text(11), decision.labels));
  return decision;
}

template <typename Query>
absl::StatusOr<int64_t> OnlyInteger(Query& query) {
  if (query.Step()) return query.Integer(0);
  SR_RETURN_IF_ERROR(query.status());
  return absl::InternalError("the table block_list has lost its row");
}

// Whoever changes the list waits here for those who hold the fence, and they for it.
template <typename Db>
absl::StatusOr<int64_t> BumpListVersion(Db& db) {
  SR_RETURN_IF_ERROR(db.Query("UPDATE block_list SET version = version + 1 WHERE id = 1").Run());
  auto query = db.Query("SELECT version FROM block_list WHERE id = 1");
  return OnlyInteger(query);
}

// Nobody else changes the list until the transaction ends.
template <typename Db>
absl::Status LockList(Db& db) {
  return db.Query("UPDATE block_list SET version = version WHERE id = 1").Run();
}

template <typename Db>
absl::StatusOr<int64_t> FenceList(Db& db) {
  auto query = db.Query(ModerationSql<Db>::kFence);
  return OnlyInteger(query);
}

template <typename Db>
absl::StatusOr<std::optional<BlockedHash>> FindHashRow(Db& db, const std::string& hash) {
  auto query = db.Query("SELECT " SR_HASH_COLUMNS " FROM blocked_hashes WHERE hash = ?");
  std::optional<BlockedHash> found;
  if (query.Bind(hash).Step()) found = ReadHashRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return found;
}

template <typename Db>
absl::Status WriteHashRow(Db& db, const BlockedHash& hash, bool there) {
  if (there) {
    return db
        .Query(
            "UPDATE blocked_hashes SET threshold = ?, label = ?, note = ?, version = ? "
            "WHERE hash = ?")
        .Bind(hash.threshold, hash.label, hash.note, hash.version, hash.hash)
        .Run();
  }
  return db.Query("INSERT INTO blocked_hashes (" SR_HASH_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(hash.hash, hash.threshold, hash.label, hash.note, hash.creator,
            absl::ToUnixMicros(hash.create_time), hash.version)
      .Run();
}

template <typename Db>
absl::StatusOr<ModerationStore::Added> AddHashRows(Db& db, std::span<const BlockedHash> hashes,
                                                   int max) {
  SR_RETURN_IF_ERROR(LockList(db));
  ModerationStore::Added result;
  std::vector<std::pair<const BlockedHash*, std::optional<BlockedHash>>> changes;
  for (const BlockedHash& wanted : hashes) {
    SR_ASSIGN_OR_RETURN(std::optional<BlockedHash> there, FindHashRow(db, wanted.hash));
    if (there && IsSameHash(*there, wanted)) continue;
    ++(there ? result.changed : result.added);
    changes.emplace_back(&wanted, std::move(there));
  }
  if (result.added > 0) {
    auto count = db.Query("SELECT COUNT(*) FROM blocked_hashes");
    if (!count.Step()) return count.status();
    if (count.Integer(0) + result.added > max) return TooManyHashes(max);
  }
  if (changes.empty()) {
    auto query = db.Query("SELECT version FROM block_list WHERE id = 1");
    SR_ASSIGN_OR_RETURN(result.version, OnlyInteger(query));
    return result;
  }
  SR_ASSIGN_OR_RETURN(result.version, BumpListVersion(db));
  for (const auto& [wanted, there] : changes) {
    const bool newer = !there || MatchesMore(*there, *wanted);
    SR_RETURN_IF_ERROR(WriteHashRow(
        db, StoredHash(*wanted, newer ? result.version : there->version), there.has_value()));
  }
  return result;
}

template <typename Db>
absl::StatusOr<int> RemoveHashRows(Db& db, std::span<const std::string> hashes) {
  SR_RETURN_IF_ERROR(LockList(db));
  int removed = 0;
  for (const std::string& hash : hashes) {
    SR_RETURN_IF_ERROR(db.Query("DELETE FROM blocked_hashes WHERE hash = ?").Bind(hash).Run());
    removed += static_cast<int>(db.Changes());
  }
  if (removed > 0) SR_RETURN_IF_ERROR(BumpListVersion(db).status());
  return removed;
}

template <typename Db>
absl::StatusOr<BlockListRows> ReadBlockListRows(Db& db) {
  BlockListRows rows;
  // The version first: what is read after it may be newer, never older.
  {
    auto version = db.Query("SELECT version FROM block_list WHERE id = 1");
    SR_ASSIGN_OR_RETURN(rows.version, OnlyInteger(version));
  }
  auto query = db.Query("SELECT " SR_HASH_COLUMNS " FROM blocked_hashes ORDER BY hash");
  SR_ASSIGN_OR_RETURN(rows.hashes, ReadHashRows(query));
  return rows;
}

template <typename Db>
absl::StatusOr<SweepState> ReadSweepRow(Db& db) {
  auto query = db.Query(
      "SELECT version, sweep_done, sweep_target, sweep_cursor FROM block_list WHERE id = 1");
  if (!query.Step()) {
    SR_RETURN_IF_ERROR(query.status());
    return absl::InternalError("the table block_list has lost its row");
  }
  return SweepState{.version = query.Integer(0),
                    .done = query.Integer(1),
                    .target = query.Integer(2),
                    .cursor = query.Text(3)};
}

template <typename Db>
absl::Status MoveSweepRow(Db& db, const SweepState& from, const SweepState& to) {
  SR_RETURN_IF_ERROR(LockList(db));
  SR_ASSIGN_OR_RETURN(const SweepState there, ReadSweepRow(db));
  if (there.done != from.done || there.target != from.target || there.cursor != from.cursor) {
    return SweepMoved();
  }
  return db
      .Query(
          "UPDATE block_list SET sweep_done = ?, sweep_target = ?, sweep_cursor = ? "
          "WHERE id = 1")
      .Bind(to.done, to.target, to.cursor)
      .Run();
}

// The sweep begins anew, with every hash. Until the transaction ends nobody changes the list, nor
// moves the sweep: one that is under way then finds that it was moved.
template <typename Db>
absl::Status RestartSweepRow(Db& db) {
  return db
      .Query(
          "UPDATE block_list SET sweep_done = 0, sweep_target = 0, sweep_cursor = '' "
          "WHERE id = 1")
      .Run();
}

template <typename Db>
absl::StatusOr<std::vector<HashedImage>> ListVisibleRows(Db& db, const std::string& after,
                                                         int limit) {
  auto query =
      db.Query("SELECT id, analysis FROM images WHERE id > ? AND state = ? ORDER BY id LIMIT ?");
  query.Bind(after, static_cast<int>(ImageState::kReady), std::max(limit, 0));
  std::vector<HashedImage> images;
  while (query.Step()) {
    std::map<std::string, std::string> analysis;
    SR_RETURN_IF_ERROR(MapFromJson(query.Text(1), analysis));
    images.push_back({.id = query.Text(0), .pdq = std::move(analysis["pdq"])});
  }
  SR_RETURN_IF_ERROR(query.status());
  return images;
}

template <typename Db>
absl::StatusOr<std::optional<int64_t>> ApprovedRow(Db& db, const std::string& image_id) {
  auto query = db.Query("SELECT approved_version FROM moderated_images WHERE image_id = ?");
  std::optional<int64_t> approved;
  if (query.Bind(image_id).Step() && !query.IsNull(0)) approved = query.Integer(0);
  SR_RETURN_IF_ERROR(query.status());
  return approved;
}

// Notes the state of an image that moderation dealt with, and a person's approval, if it is one.
template <typename Db>
absl::Status NoteModerated(Db& db, const Image& image, std::optional<int64_t> approved) {
  bool there = false;
  {
    auto query = db.Query("SELECT 1 FROM moderated_images WHERE image_id = ?");
    there = query.Bind(image.id).Step();
    SR_RETURN_IF_ERROR(query.status());
  }
  const int state = static_cast<int>(image.state);
  if (!there) {
    return db
        .Query("INSERT INTO moderated_images (image_id, state, approved_version) VALUES (?, ?, ?)")
        .Bind(image.id, state, approved)
        .Run();
  }
  if (approved) {
    return db
        .Query("UPDATE moderated_images SET state = ?, approved_version = ? WHERE image_id = ?")
        .Bind(state, approved, image.id)
        .Run();
  }
  return db.Query("UPDATE moderated_images SET state = ? WHERE image_id = ?")
      .Bind(state, image.id)
      .Run();
}

template <typename Db>
absl::Status InsertDecisionRow(Db& db, const Decision& d) {
  return db
      .Query("INSERT INTO moderation_decisions (" SR_DECISION_COLUMNS
             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(d.id, d.image_id, d.image_owner, absl::ToUnixMicros(d.time), static_cast<int>(d.by),
            d.who, static_cast<int>(d.from), static_cast<int>(d.to), d.reason, d.hash, d.distance,
            ToJson(d.labels), d.revision)
      .Run();
}

template <typename Db>
absl::StatusOr<std::vector<Image>> ListHiddenRows(Db& db, ImageState state,
                                                  const std::string& before, int limit) {
  auto query =
      db.Query("SELECT " SR_IMAGE_COLUMNS
               " FROM moderated_images JOIN images ON images.id = moderated_images.image_id"
               " WHERE moderated_images.state = ? AND (? = '' OR moderated_images.image_id < ?)"
               " ORDER BY moderated_images.image_id DESC LIMIT ?");
  query.Bind(static_cast<int>(state), before, before, std::max(limit, 0));
  return ReadImageRows(query);
}

template <typename Db>
absl::StatusOr<std::vector<Decision>> ListDecisionRows(Db& db, const std::string& image_id,
                                                       const std::string& before, int limit) {
  // Two statements, so that each keeps to its key.
  auto query = image_id.empty() ? db.Query("SELECT " SR_DECISION_COLUMNS
                                           " FROM moderation_decisions WHERE (? = '' OR id < ?)"
                                           " ORDER BY id DESC LIMIT ?")
                                : db.Query("SELECT " SR_DECISION_COLUMNS
                                           " FROM moderation_decisions WHERE image_id = ?"
                                           " AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?");
  if (!image_id.empty()) query.Bind(image_id);
  query.Bind(before, before, std::max(limit, 0));
  std::vector<Decision> decisions;
  while (query.Step()) {
    SR_ASSIGN_OR_RETURN(Decision decision, ReadDecisionRow(query));
    decisions.push_back(std::move(decision));
  }
  SR_RETURN_IF_ERROR(query.status());
  return decisions;
}

}  // namespace stockroom::api
