#include "services/api/metadata/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/time/clock.h"
#include "services/api/metadata/api_key_rows.h"
#include "services/api/metadata/file_lock.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/key_rows.h"
#include "services/api/metadata/sql_moderation_store.h"
#include "services/api/metadata/sql_popularity_store.h"
#include "services/api/metadata/sql_webhook_store.h"
#include "services/api/metadata/sqlite_events.h"
#include "services/api/metadata/sqlite_job_sql.h"
#include "services/api/metadata/sqlite_migrate.h"
#include "services/api/metadata/sqlite_moderation_sql.h"
#include "services/api/metadata/sqlite_readers.h"
#include "services/api/metadata/sqlite_writer.h"
#include "services/api/metadata/store_transactions.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

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
      SR_ASSIGN_OR_RETURN(CreatedImage answer, CreateImageIn(write, created, image, now));
      SR_ASSIGN_OR_RETURN(answer.feed_position, LastPosition(write));
      return answer;
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
    return ListImageRows(reading->db(), query);
  }

  absl::StatusOr<Usage> UsageOf(const std::string& owner) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return ReadUsage(reading->db(), owner);
  }

  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override {
    return Change([&](SqliteWrite& write) { return UpdateImageIn(write, id, now, edit, once); });
  }

  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    return Change([&](SqliteWrite& write) { return DeleteImageIn(write, id, now, check, once); });
  }

  absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images, absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckArchived(images));
    return Write<int>([&](SqliteWrite& write) { return ImportImagesIn(write, images, now); });
  }

  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    std::vector<Digest> referenced;
    for (const Digest& digest : digests) {
      SqliteQuery query = reading->db().Query("SELECT 1 FROM images WHERE sha256 = ? LIMIT 1");
      if (query.Bind(SqlBlob{digest.bytes()}).Step()) referenced.push_back(digest);
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
        [&](SqliteWrite& write) { return RenewJobRows(write.db, jobs, lease_until); });
  }

  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckStorable(result));
    return Write<Image>([&](SqliteWrite& write) { return CompleteJobIn(write, job, result, now); });
  }

  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override {
    return Write<Image>(
        [&](SqliteWrite& write) { return FailJobIn(write, job, kind, reason, now); });
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
    return Write<int>(
        [&](SqliteWrite& write) { return EnqueueJobsIn(write, image_ids, request, now); });
  }

  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return ListOutdatedRows(reading->db(), work_plan, after, limit);
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
    SR_RETURN_IF_ERROR(VisitImageRows(rows, visit));
    return range.last;
  }

  absl::StatusOr<std::string> CatalogueId() override {
    return Read<std::string>([](SqliteConnection& db) { return ReadCatalogueId(db); });
  }

  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    return Write<bool>(
        [&](SqliteWrite& write) { return TakeLeaseRow(write.db, name, holder, now, ttl); });
  }

  // One process on one machine: its clock is the database's.
  absl::StatusOr<absl::Time> ServerTime() override { return absl::Now(); }

  ApiKeyStore& api_keys() override { return api_keys_; }
  WebhookStore& webhooks() override { return webhooks_; }
  ModerationStore& moderation() override { return moderation_; }
  PopularityStore& popularity() override { return popularity_; }
  UploadStore& uploads() override { return uploads_; }

  void SetCommitListener(std::function<void()> listener) override {
    writer_.SetCommitListener(std::move(listener));
  }

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

  template <typename T>
  absl::StatusOr<T> Read(absl::FunctionRef<absl::StatusOr<T>(SqliteConnection&)> work) {
    SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
    return work(reading->db());
  }

  absl::StatusOr<ChangedImage> Change(absl::FunctionRef<absl::StatusOr<Image>(SqliteWrite&)> work) {
    return Write<ChangedImage>([&](SqliteWrite& write) -> absl::StatusOr<ChangedImage> {
      ChangedImage changed;
      SR_ASSIGN_OR_RETURN(changed.image, work(write));
      SR_ASSIGN_OR_RETURN(changed.feed_position, LastPosition(write));
      return changed;
    });
  }

 private:
  // Within a transaction that writes, and so after its own event.
  static absl::StatusOr<int64_t> LastPosition(SqliteWrite& write) {
    SR_ASSIGN_OR_RETURN(const FeedRange range, ReadFeedRange(write.db));
    return range.last;
  }

  const std::unique_ptr<FileLock> lock_;
  SqliteWriter writer_;
  const std::unique_ptr<SqliteReaders> readers_;
  SqlApiKeys<SqliteStore> api_keys_{*this};
  SqlModerationStore<SqliteStore> moderation_{*this};
  SqlPopularityStore<SqliteStore> popularity_{*this};
  SqlUploadStore<SqliteStore> uploads_{*this};
  using Work = absl::FunctionRef<absl::Status(SqliteConnection&)>;
  SqlWebhookStore<SqliteConnection> webhooks_{
      [this](Work work) -> absl::Status {
        SR_ASSIGN_OR_RETURN(const auto reading, readers_->Begin());
        return work(reading->db());
      },
      [this](Work work) {
        return writer_.Run([&](SqliteWrite& write) { return work(write.db); });
      }};
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
