#include "services/api/metadata/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "absl/time/clock.h"
#include "services/api/metadata/file_lock.h"
#include "services/api/metadata/sqlite_events.h"
#include "services/api/metadata/sqlite_jobs.h"
#include "services/api/metadata/sqlite_keys.h"
#include "services/api/metadata/sqlite_migrate.h"
#include "services/api/metadata/sqlite_readers.h"
#include "services/api/metadata/sqlite_rows.h"
#include "services/api/metadata/sqlite_writer.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr size_t kSnapshotBatch = 256;

class SqliteStore final : public MetadataStore {
 public:
  SqliteStore(std::unique_ptr<FileLock> lock, std::unique_ptr<SqliteConnection> writing,
              SqliteWriter::Options writer_options, std::unique_ptr<SqliteReaders> readers,
              Metrics& metrics)
      : lock_(std::move(lock)),
        writer_(std::move(writing), std::move(writer_options), metrics),
        readers_(std::move(readers)) {}

  absl::StatusOr<CreatedImage> CreateImage(const NewImage& created, absl::Time now) override {
    const Image image = CreatedFrom(created, now);
    SR_RETURN_IF_ERROR(CheckStorable(image));
    return Write<CreatedImage>([&](SqliteWrite& write) -> absl::StatusOr<CreatedImage> {
      if (!created.allow_duplicate) {
        SR_ASSIGN_OR_RETURN(const std::optional<Image> twin, FindTwin(write.db, image));
        if (twin) return TakeTwin(write, *twin, created, now);
      }
      SqliteQuery taken = write.db.Query("SELECT 1 FROM images WHERE id = ?");
      if (taken.Bind(image.id).Step()) return IdTaken(image.id);
      SR_RETURN_IF_ERROR(taken.status());
      SR_RETURN_IF_ERROR(InsertImageRow(write.db, image));
      SR_RETURN_IF_ERROR(InsertJobRow(write.db, image.id, {.request_id = created.request_id}, now));
      SR_RETURN_IF_ERROR(AnswerKeyRow(write.db, created.once, image, false));
      SR_ASSIGN_OR_RETURN(const int64_t position, AppendEvent(write, kImageCreated, image, now));
      return CreatedImage{image, false, position};
    });
  }

  absl::StatusOr<Image> GetImage(const std::string& id) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return FindImageRow(reading->db(), id);
  }

  absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) override {
    const std::set<std::string> wanted(ids.begin(), ids.end());
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    std::vector<Image> found;
    for (const std::string& id : wanted) {
      absl::StatusOr<Image> image = FindImageRow(reading->db(), id);
      if (absl::IsNotFound(image.status())) continue;
      SR_RETURN_IF_ERROR(image.status());
      found.push_back(*std::move(image));
    }
    return found;
  }

  absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    SqliteQuery rows = reading->db().Query(
        "SELECT " SR_IMAGE_COLUMNS
        " FROM images WHERE (visibility = ? OR owner = ?) AND state <> ?"
        " AND (create_time, id) < (?, ?) ORDER BY create_time DESC, id DESC LIMIT ?");
    // Without a cursor: after the end of time.
    rows.Bind(static_cast<int>(Visibility::kPublic), query.viewer,
              static_cast<int>(ImageState::kUploading),
              query.after ? absl::ToUnixMicros(query.after->create_time)
                          : std::numeric_limits<int64_t>::max(),
              query.after ? query.after->id : std::string(), std::max(query.limit, 0));
    return ReadImageRows(rows);
  }

  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override {
    return Write<ChangedImage>([&](SqliteWrite& write) -> absl::StatusOr<ChangedImage> {
      SR_ASSIGN_OR_RETURN(Image image, FindImageRow(write.db, id));
      SR_ASSIGN_OR_RETURN(const bool changed, ApplyEdit(image, now, edit));
      SR_RETURN_IF_ERROR(AnswerKeyRow(write.db, once, image, false));
      if (changed) SR_RETURN_IF_ERROR(Save(write, image, kImageUpdated, now));
      return At(write, std::move(image));
    });
  }

  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    return Write<ChangedImage>([&](SqliteWrite& write) -> absl::StatusOr<ChangedImage> {
      SR_ASSIGN_OR_RETURN(Image image, FindImageRow(write.db, id));
      SR_RETURN_IF_ERROR(check(image));
      SR_RETURN_IF_ERROR(AnswerKeyRow(write.db, once, image, false));
      SR_RETURN_IF_ERROR(write.db.Query("DELETE FROM jobs WHERE image_id = ?").Bind(id).Run());
      SR_RETURN_IF_ERROR(write.db.Query("DELETE FROM images WHERE id = ?").Bind(id).Run());
      Image deleted = image;
      ++deleted.revision;
      SR_RETURN_IF_ERROR(AppendEvent(write, kImageDeleted, deleted, now).status());
      return At(write, std::move(image));
    });
  }

  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    std::vector<Digest> referenced;
    for (const Digest& digest : digests) {
      SqliteQuery query = reading->db().Query("SELECT 1 FROM images WHERE sha256 = ? LIMIT 1");
      if (query.Bind(SqliteBlob{digest.bytes()}).Step()) referenced.push_back(digest);
      SR_RETURN_IF_ERROR(query.status());
    }
    return referenced;
  }

  absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner, const std::string& key,
                                            absl::Time now, absl::Time until) override {
    return Write<KeyReservation>(
        [&](SqliteWrite& write) { return ReserveKeyRow(write.db, owner, key, now, until); });
  }

  absl::Status ReleaseKey(const std::string& owner, const std::string& key,
                          int64_t token) override {
    return writer_.Run(
        [&](SqliteWrite& write) { return ReleaseKeyRow(write.db, owner, key, token); });
  }

  absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                           const std::string& answer) override {
    return writer_.Run(
        [&](SqliteWrite& write) { return AmendKeyRow(write.db, owner, key, token, answer); });
  }

  absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) override {
    return Write<int>([&](SqliteWrite& write) { return ForgetKeyRows(write.db, before, limit); });
  }

  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override {
    return Write<std::vector<LeasedJob>>(
        [&](SqliteWrite& write) { return LeaseJobRows(write.db, request); });
  }

  absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                  absl::Time lease_until) override {
    return Write<std::vector<JobRef>>(
        [&](SqliteWrite& write) -> absl::StatusOr<std::vector<JobRef>> {
          std::vector<JobRef> held;
          for (const JobRef& job : jobs) {
            SR_ASSIGN_OR_RETURN(const bool renewed, RenewJobRow(write.db, job, lease_until));
            if (renewed) held.push_back(job);
          }
          return held;
        });
  }

  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckStorable(result));
    return Write<Image>([&](SqliteWrite& write) -> absl::StatusOr<Image> {
      SR_ASSIGN_OR_RETURN(Image image, ImageOfHeldJob(write.db, job));
      BecomeReady(image, result, now);
      SR_RETURN_IF_ERROR(DeleteJobRow(write.db, job.id));
      SR_RETURN_IF_ERROR(Save(write, image, kImageReady, now));
      return image;
    });
  }

  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override {
    return Write<Image>([&](SqliteWrite& write) -> absl::StatusOr<Image> {
      SR_ASSIGN_OR_RETURN(Image image, ImageOfHeldJob(write.db, job));
      SR_RETURN_IF_ERROR(DeleteJobRow(write.db, job.id));
      if (BecomeFailed(image, kind, reason, now)) {
        SR_RETURN_IF_ERROR(Save(write, image, kImageFailed, now));
      }
      return image;
    });
  }

  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override {
    return writer_.Run(
        [&](SqliteWrite& write) { return ReleaseJobRow(write.db, job, kind, not_before); });
  }

  absl::StatusOr<int> ReleaseAllLeases() override {
    return Write<int>([&](SqliteWrite& write) { return ReleaseAllJobRows(write.db); });
  }

  absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                  const EnqueueRequest& request, absl::Time now) override {
    const std::set<std::string> wanted(image_ids.begin(), image_ids.end());
    return Write<int>([&](SqliteWrite& write) -> absl::StatusOr<int> {
      int made = 0;
      for (const std::string& id : wanted) {
        SR_ASSIGN_OR_RETURN(const bool queued, Enqueue(write, id, request, now));
        made += queued ? 1 : 0;
      }
      return made;
    });
  }

  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    SqliteQuery query = reading->db().Query(
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

  absl::StatusOr<JobCounts> CountJobs(absl::Time now, int limit) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return CountJobRows(reading->db(), now, limit);
  }

  absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return NextJobRowTime(reading->db(), now);
  }

  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return ReadEventRows(reading->db(), position, limit);
  }

  absl::StatusOr<int> TrimEvents(absl::Time before, int limit) override {
    return Write<int>([&](SqliteWrite& write) { return TrimEventRows(write.db, before, limit); });
  }

  absl::StatusOr<FeedRange> GetFeedRange() override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return ReadFeedRange(reading->db());
  }

  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    // One read transaction: position and rows are of one state.
    SR_ASSIGN_OR_RETURN(const FeedRange range, ReadFeedRange(reading->db()));
    SqliteQuery rows = reading->db().Query("SELECT " SR_IMAGE_COLUMNS " FROM images ORDER BY id");
    std::vector<Image> batch;
    while (rows.Step()) {
      SR_ASSIGN_OR_RETURN(Image image, ReadImageRow(rows));
      batch.push_back(std::move(image));
      if (batch.size() < kSnapshotBatch) continue;
      SR_RETURN_IF_ERROR(visit(std::exchange(batch, {})));
    }
    SR_RETURN_IF_ERROR(rows.status());
    if (!batch.empty()) SR_RETURN_IF_ERROR(visit(std::move(batch)));
    return range.last;
  }

  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    return Write<bool>(
        [&](SqliteWrite& write) { return TakeLeaseRow(write.db, name, holder, now, ttl); });
  }

  // One process on one machine: its clock is the database's.
  absl::StatusOr<absl::Time> ServerTime() override { return absl::Now(); }

  void SetCommitListener(std::function<void()> listener) override {
    writer_.SetCommitListener(std::move(listener));
  }

 private:
  // A result is handed out only if the writer says that it is committed.
  template <typename T>
  absl::StatusOr<T> Write(absl::FunctionRef<absl::StatusOr<T>(SqliteWrite&)> work) {
    absl::StatusOr<T> result = absl::InternalError("the write did not run");
    SR_RETURN_IF_ERROR(writer_.Run([&](SqliteWrite& write) {
      result = work(write);
      return result.status();
    }));
    return result;
  }

  static absl::Status Save(SqliteWrite& write, const Image& image, const char* event,
                           absl::Time now) {
    SR_RETURN_IF_ERROR(UpdateImageRow(write.db, image));
    return AppendEvent(write, event, image, now).status();
  }

  static absl::StatusOr<ChangedImage> At(SqliteWrite& write, Image image) {
    SR_ASSIGN_OR_RETURN(const FeedRange range, ReadFeedRange(write.db));
    return ChangedImage{std::move(image), range.last};
  }

  static absl::StatusOr<bool> Enqueue(SqliteWrite& write, const std::string& id,
                                      const EnqueueRequest& request, absl::Time now) {
    absl::StatusOr<Image> image = FindImageRow(write.db, id);
    if (absl::IsNotFound(image.status())) return false;
    SR_RETURN_IF_ERROR(image.status());
    SR_ASSIGN_OR_RETURN(const JobPresence presence,
                        MoveUpJobRow(write.db, id, request.priority, now));
    if (presence != JobPresence::kNone) return presence == JobPresence::kMovedUp;
    SR_RETURN_IF_ERROR(InsertJobRow(write.db, id, request, now));
    if (BecomeQueued(*image, now)) SR_RETURN_IF_ERROR(Save(write, *image, kImageUpdated, now));
    return true;
  }

  // The owner's image with these bytes: one that has not failed if there is any, else the oldest.
  static absl::StatusOr<std::optional<Image>> FindTwin(SqliteConnection& db, const Image& image) {
    SqliteQuery query =
        db.Query("SELECT " SR_IMAGE_COLUMNS
                 " FROM images WHERE owner = ? AND sha256 = ?"
                 " ORDER BY CASE WHEN state = ? THEN 1 ELSE 0 END, create_time, id LIMIT 1");
    query.Bind(image.owner, SqliteBlob{image.sha256.bytes()},
               static_cast<int>(ImageState::kFailed));
    if (query.Step()) return ReadImageRow(query);
    SR_RETURN_IF_ERROR(query.status());
    return std::nullopt;
  }

  static absl::StatusOr<CreatedImage> TakeTwin(SqliteWrite& write, Image twin,
                                               const NewImage& created, absl::Time now) {
    if (WantsNewJob(twin)) {
      BecomeQueued(twin, now);
      SR_RETURN_IF_ERROR(InsertJobRow(write.db, twin.id, {.request_id = created.request_id}, now));
      SR_RETURN_IF_ERROR(Save(write, twin, kImageUpdated, now));
    }
    SR_RETURN_IF_ERROR(AnswerKeyRow(write.db, created.once, twin, true));
    SR_ASSIGN_OR_RETURN(const FeedRange range, ReadFeedRange(write.db));
    return CreatedImage{std::move(twin), true, range.last};
  }

  const std::unique_ptr<FileLock> lock_;
  SqliteWriter writer_;
  const std::unique_ptr<SqliteReaders> readers_;
};

// The entry of a new database must survive a power cut as well as its content.
absl::Status SyncFolder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "opening " + folder.string());
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(error, "syncing " + folder.string());
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenSqliteStore(const SqliteOptions& options,
                                                               Metrics& metrics) {
  if (options.path.empty() || options.path.front() == ':' || options.reader_connections < 1) {
    return InvalidArgument("INVALID_DATABASE_PATH",
                           "the SQLite store needs the path of a file and a reading connection");
  }
  const std::filesystem::path folder = std::filesystem::absolute(options.path).parent_path();
  std::error_code made;
  std::filesystem::create_directories(folder, made);
  if (made) return ErrnoStatus(made.value(), "making the folder " + folder.string());

  SR_ASSIGN_OR_RETURN(auto lock, FileLock::Take(options.path + ".lock"));
  SR_ASSIGN_OR_RETURN(
      auto writing,
      SqliteConnection::Open(options.path, SqliteConnection::Mode::kCreate, options.patience));
  if (absl::Status status = Migrate(*writing, SqliteMigrations(), absl::Now()); !status.ok()) {
    return Annotate(status, options.path);
  }
  SR_RETURN_IF_ERROR(SyncFolder(folder));
  SR_ASSIGN_OR_RETURN(auto readers, SqliteReaders::Open({.path = options.path,
                                                         .connections = options.reader_connections,
                                                         .patience = options.patience},
                                                        metrics));
  SqliteWriter::Options writer_options;
  writer_options.max_waiting = options.max_waiting_writes;
  writer_options.before_commit = options.before_commit;
  return std::make_unique<SqliteStore>(std::move(lock), std::move(writing),
                                       std::move(writer_options), std::move(readers), metrics);
}

}  // namespace stockroom::api
