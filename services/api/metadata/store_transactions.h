// What each call of MetadataStore does within its transaction, alike in every SQL database.
//
// `Tx` is a running transaction of a store:
//   db                            its connection (see image_rows.h)
//   LockImage(id)                 the row, which nobody else changes until the transaction ends;
//                                 NOT_FOUND
//   ClaimBytes(image)             makes this the image that later uploads of the same bytes are
//                                 taken for; an error to run again if another was first
//   Append(type, image, now)      writes an event
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/job_rows.h"
#include "services/api/metadata/key_rows.h"
#include "services/api/metadata/moderation_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/api/metadata/upload_rows.h"
#include "services/common/base/status.h"

namespace stockroom::api {

template <typename Tx>
absl::Status SaveIn(Tx& tx, const Image& image, const char* event, absl::Time now) {
  SR_RETURN_IF_ERROR(UpdateImageRow(tx.db, image));
  return tx.Append(event, image, now);
}

// The owner's image with these bytes: one that has not failed if there is any, else the oldest.
template <typename Tx>
absl::StatusOr<std::optional<Image>> FindTwinIn(Tx& tx, const Image& image) {
  std::string id;
  {
    auto query = tx.db.Query(
        "SELECT id FROM images WHERE owner = ? AND sha256 = ?"
        " ORDER BY CASE WHEN state = ? THEN 1 ELSE 0 END, create_time, id LIMIT 1");
    query.Bind(image.owner, SqlBlob{image.sha256.bytes()}, static_cast<int>(ImageState::kFailed));
    if (query.Step()) id = query.Text(0);
    SR_RETURN_IF_ERROR(query.status());
  }
  if (id.empty()) return std::nullopt;
  absl::StatusOr<Image> twin = tx.LockImage(id);
  // Deleted between the two.
  if (absl::IsNotFound(twin.status())) return FindTwinIn(tx, image);
  SR_RETURN_IF_ERROR(twin.status());
  return *std::move(twin);
}

template <typename Tx>
absl::StatusOr<CreatedImage> MakeImageIn(Tx& tx, const NewImage& created, const Image& image,
                                         absl::Time now) {
  const EnqueueRequest job{.request_id = created.request_id};
  if (!created.allow_duplicate) {
    SR_ASSIGN_OR_RETURN(std::optional<Image> twin, FindTwinIn(tx, image));
    if (twin) {
      if (WantsNewJob(*twin)) {
        BecomeQueued(*twin, now);
        SR_RETURN_IF_ERROR(InsertJobRow(tx.db, twin->id, job, now));
        SR_RETURN_IF_ERROR(SaveIn(tx, *twin, kImageUpdated, now));
      }
      SR_RETURN_IF_ERROR(AnswerKeyRow(tx.db, created.once, *twin, true));
      return CreatedImage{*std::move(twin), true};
    }
  }
  SR_RETURN_IF_ERROR(created.unless_duplicate);
  {
    auto taken = tx.db.Query("SELECT 1 FROM images WHERE id = ?");
    if (taken.Bind(image.id).Step()) return IdTaken(image.id);
    SR_RETURN_IF_ERROR(taken.status());
  }
  SR_RETURN_IF_ERROR(InsertImageRow(tx.db, image));
  if (!created.allow_duplicate) SR_RETURN_IF_ERROR(tx.ClaimBytes(image));
  SR_RETURN_IF_ERROR(InsertJobRow(tx.db, image.id, job, now));
  SR_RETURN_IF_ERROR(AnswerKeyRow(tx.db, created.once, image, false));
  SR_RETURN_IF_ERROR(tx.Append(kImageCreated, image, now));
  return CreatedImage{image, false};
}

// The position is the store's to fill in.
template <typename Tx>
absl::StatusOr<CreatedImage> CreateImageIn(Tx& tx, const NewImage& created, const Image& image,
                                           absl::Time now) {
  if (created.upload.empty()) return MakeImageIn(tx, created, image, now);
  SR_ASSIGN_OR_RETURN(std::optional<CreatedImage> before,
                      ClaimUploadRow(tx.db, created.upload, now));
  if (before) return *std::move(before);
  SR_ASSIGN_OR_RETURN(CreatedImage answer, MakeImageIn(tx, created, image, now));
  SR_RETURN_IF_ERROR(NoteUploadImage(tx.db, created.upload, answer));
  return answer;
}

// Whether it was put in: one that is there stays as it is. It claims no bytes: whoever uploads them
// finds the row.
template <typename Tx>
absl::StatusOr<bool> ImportImageIn(Tx& tx, const ArchivedImage& archived, absl::Time now) {
  const Image image = RestoredFrom(archived.image);
  {
    auto there = tx.db.Query("SELECT 1 FROM images WHERE id = ?");
    if (there.Bind(image.id).Step()) return false;
    SR_RETURN_IF_ERROR(there.status());
  }
  SR_RETURN_IF_ERROR(InsertImageRow(tx.db, image));
  if (image.state == ImageState::kPending) {
    SR_RETURN_IF_ERROR(InsertJobRow(tx.db, image.id, {.priority = JobPriority::kBackground}, now));
  }
  if (archived.approved || IsHidden(image.state)) {
    SR_RETURN_IF_ERROR(NoteModerated(
        tx.db, image,
        archived.approved ? std::optional<int64_t>(kArchivedApproval) : std::nullopt));
  }
  SR_RETURN_IF_ERROR(tx.Append(kImageUpdated, image, now));
  return true;
}

template <typename Tx>
absl::StatusOr<int> ImportImagesIn(Tx& tx, std::span<const ArchivedImage> images, absl::Time now) {
  int imported = 0;
  bool visible = false;
  for (const ArchivedImage& archived : images) {
    SR_ASSIGN_OR_RETURN(const bool is_new, ImportImageIn(tx, archived, now));
    imported += is_new ? 1 : 0;
    visible = visible || (is_new && archived.image.state == ImageState::kReady);
  }
  // They were checked against a list that may have been another. Last, and as the only look at the
  // list: those who hold it wait for nothing else.
  if (visible) SR_RETURN_IF_ERROR(RestartSweepRow(tx.db));
  return imported;
}

template <typename Tx>
absl::StatusOr<Image> UpdateImageIn(Tx& tx, const std::string& id, absl::Time now,
                                    const std::function<absl::Status(Image&)>& edit,
                                    const std::optional<IdempotentWrite>& once) {
  SR_ASSIGN_OR_RETURN(Image image, tx.LockImage(id));
  SR_ASSIGN_OR_RETURN(const bool changed, ApplyEdit(image, now, edit));
  SR_RETURN_IF_ERROR(AnswerKeyRow(tx.db, once, image, false));
  if (changed) SR_RETURN_IF_ERROR(SaveIn(tx, image, kImageUpdated, now));
  return image;
}

template <typename Tx>
absl::StatusOr<Image> DeleteImageIn(Tx& tx, const std::string& id, absl::Time now,
                                    const std::function<absl::Status(const Image&)>& check,
                                    const std::optional<IdempotentWrite>& once) {
  SR_RETURN_IF_ERROR(LockJobOf(tx.db, id));
  SR_ASSIGN_OR_RETURN(Image image, tx.LockImage(id));
  SR_RETURN_IF_ERROR(check(image));
  SR_RETURN_IF_ERROR(AnswerKeyRow(tx.db, once, image, false));
  SR_RETURN_IF_ERROR(tx.db.Query("DELETE FROM jobs WHERE image_id = ?").Bind(id).Run());
  SR_RETURN_IF_ERROR(tx.db.Query("DELETE FROM moderated_images WHERE image_id = ?").Bind(id).Run());
  SR_RETURN_IF_ERROR(tx.db.Query("DELETE FROM image_popularity WHERE image_id = ?").Bind(id).Run());
  SR_RETURN_IF_ERROR(tx.db.Query("DELETE FROM images WHERE id = ?").Bind(id).Run());
  Image deleted = image;
  ++deleted.revision;
  SR_RETURN_IF_ERROR(tx.Append(kImageDeleted, deleted, now));
  return image;
}

// The image, its event, and the decision with what is kept about it.
template <typename Tx>
absl::Status SaveModerated(Tx& tx, const Image& image, const Moderated& moderated,
                           std::optional<int64_t> approved, absl::Time now) {
  if (moderated.decision) {
    SR_RETURN_IF_ERROR(NoteModerated(tx.db, image, approved));
    SR_RETURN_IF_ERROR(InsertDecisionRow(tx.db, *moderated.decision));
  }
  return moderated.event == nullptr ? absl::OkStatus() : SaveIn(tx, image, moderated.event, now);
}

template <typename Tx>
absl::StatusOr<Image> FlagVisibleIn(Tx& tx, const std::string& id, const Finding& finding,
                                    absl::Time now, bool& flagged) {
  SR_ASSIGN_OR_RETURN(Image image, tx.LockImage(id));
  SR_ASSIGN_OR_RETURN(const std::optional<int64_t> approved, ApprovedRow(tx.db, id));
  const Moderated done = BecomeFlagged(image, finding, approved, now);
  SR_RETURN_IF_ERROR(SaveModerated(tx, image, done, std::nullopt, now));
  flagged = done.event != nullptr;
  return image;
}

template <typename Tx>
absl::StatusOr<Image> DecideIn(Tx& tx, const std::string& id, const DecisionRequest& request,
                               absl::Time now, const std::optional<IdempotentWrite>& once) {
  SR_ASSIGN_OR_RETURN(Image image, tx.LockImage(id));
  SR_ASSIGN_OR_RETURN(const Moderated done, BecomeDecided(image, request, now));
  std::optional<int64_t> approved;
  if (request.to == ImageState::kReady) {
    SR_ASSIGN_OR_RETURN(approved, FenceList(tx.db));
  }
  SR_RETURN_IF_ERROR(AnswerKeyRow(tx.db, once, image, false));
  SR_RETURN_IF_ERROR(SaveModerated(tx, image, done, approved, now));
  return image;
}

template <typename Tx>
absl::StatusOr<Image> CompleteJobIn(Tx& tx, const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) {
  SR_ASSIGN_OR_RETURN(Image image, ImageOfHeldJob(tx.db, job));
  // Held until the commit: a hash that comes in later finds this image when it is swept for.
  SR_ASSIGN_OR_RETURN(const int64_t version, FenceList(tx.db));
  if (result.block_list_version < version) {
    return BlockListChanged(result.block_list_version, version);
  }
  std::optional<int64_t> approved;
  if (result.finding) {
    SR_ASSIGN_OR_RETURN(approved, ApprovedRow(tx.db, image.id));
  }
  const Moderated done = BecomeProcessed(image, result, approved, now);
  SR_RETURN_IF_ERROR(DeleteJobRow(tx.db, job.id));
  SR_RETURN_IF_ERROR(SaveModerated(tx, image, done, std::nullopt, now));
  return image;
}

template <typename Tx>
absl::StatusOr<Image> FailJobIn(Tx& tx, const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) {
  SR_ASSIGN_OR_RETURN(Image image, ImageOfHeldJob(tx.db, job));
  SR_RETURN_IF_ERROR(DeleteJobRow(tx.db, job.id));
  if (BecomeFailed(image, kind, reason, now)) {
    SR_RETURN_IF_ERROR(SaveIn(tx, image, kImageFailed, now));
  }
  return image;
}

template <typename Tx>
absl::StatusOr<bool> EnqueueJobIn(Tx& tx, const std::string& id, const EnqueueRequest& request,
                                  absl::Time now) {
  SR_ASSIGN_OR_RETURN(const JobPresence presence, MoveUpJobRow(tx.db, id, request.priority, now));
  if (presence != JobPresence::kNone) return presence == JobPresence::kMovedUp;
  absl::StatusOr<Image> image = tx.LockImage(id);
  if (absl::IsNotFound(image.status())) return false;
  SR_RETURN_IF_ERROR(image.status());
  SR_RETURN_IF_ERROR(InsertJobRow(tx.db, id, request, now));
  if (BecomeQueued(*image, now)) SR_RETURN_IF_ERROR(SaveIn(tx, *image, kImageUpdated, now));
  return true;
}

template <typename Tx>
absl::StatusOr<int> EnqueueJobsIn(Tx& tx, std::span<const std::string> ids,
                                  const EnqueueRequest& request, absl::Time now) {
  int made = 0;
  // In one order everywhere, so that two such calls do not wait for each other crosswise.
  for (const std::string& id : std::set<std::string>(ids.begin(), ids.end())) {
    SR_ASSIGN_OR_RETURN(const bool queued, EnqueueJobIn(tx, id, request, now));
    made += queued ? 1 : 0;
  }
  return made;
}

// Reads: `db` need not be in a transaction.

template <typename Db>
absl::StatusOr<std::vector<std::string>> ListOutdatedRows(Db& db, const std::string& work_plan,
                                                          const std::string& after, int limit) {
  auto query = db.Query(
      "SELECT id FROM images WHERE id > ? AND (state = ? OR (state = ? AND quarantined = 0))"
      " AND (? = '' OR work_plan <> ?)"
      " AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.image_id = images.id)"
      " ORDER BY id LIMIT ?");
  query.Bind(after, static_cast<int>(ImageState::kReady), static_cast<int>(ImageState::kFailed),
             work_plan, work_plan, std::max(limit, 0));
  std::vector<std::string> ids;
  while (query.Step()) ids.push_back(query.Text(0));
  SR_RETURN_IF_ERROR(query.status());
  return ids;
}

template <typename Db>
absl::StatusOr<std::vector<Image>> ListImageRows(Db& db, const ListQuery& query) {
  // Without a cursor: after the end of time. The first comparison alone bounds the index's range.
  const int64_t before = query.after ? absl::ToUnixMicros(query.after->create_time)
                                     : std::numeric_limits<int64_t>::max();
  auto rows = db.Query("SELECT " SR_IMAGE_COLUMNS
                       " FROM images WHERE create_time <= ? AND (create_time < ? OR id < ?)"
                       " AND (? = 1 OR (visibility = ? AND state NOT IN (5, 6))"
                       " OR (owner = ? AND (? = 1 OR state NOT IN (5, 6)))) AND state <> ?"
                       " ORDER BY create_time DESC, id DESC LIMIT ?");
  rows.Bind(before, before, query.after ? query.after->id : std::string(), query.all_owners ? 1 : 0,
            static_cast<int>(Visibility::kPublic), query.viewer, query.own_hidden ? 1 : 0,
            static_cast<int>(ImageState::kUploading), std::max(query.limit, 0));
  return ReadImageRows(rows);
}

template <typename Db>
absl::StatusOr<Usage> ReadUsage(Db& db, const std::string& owner) {
  // One statement, so that an upload that is just being completed counts once.
  auto sum = db.Query(
      "SELECT SUM(number), SUM(bytes) FROM ("
      "SELECT COUNT(*) AS number, COALESCE(SUM(size_bytes), 0) AS bytes FROM images"
      " WHERE owner = ? UNION ALL "
      "SELECT COUNT(*) AS number, COALESCE(SUM(size_bytes), 0) AS bytes FROM uploads"
      " WHERE owner = ? AND state = ?) AS both_tables");
  if (!sum.Bind(owner, owner, static_cast<int>(UploadState::kOpen)).Step()) return sum.status();
  return Usage{.images = sum.Integer(0), .bytes = sum.Integer(1)};
}

template <typename Db>
absl::StatusOr<std::string> ReadCatalogueId(Db& db) {
  auto query = db.Query("SELECT id FROM catalogue_identity");
  if (query.Step()) return query.Text(0);
  SR_RETURN_IF_ERROR(query.status());
  return absl::DataLossError("the database has lost its identity");
}

}  // namespace stockroom::api
