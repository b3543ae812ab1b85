#include "services/api/metadata/mysql_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <set>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/api/metadata/api_key_rows.h"
#include "services/api/metadata/migrations/mysql_migrations.h"
#include "services/api/metadata/mysql_feed.h"
#include "services/api/metadata/mysql_job_sql.h"
#include "services/api/metadata/mysql_migrate.h"
#include "services/api/metadata/mysql_moderation_sql.h"
#include "services/api/metadata/mysql_pool.h"
#include "services/api/metadata/mysql_snapshot.h"
#include "services/api/metadata/sql_moderation_store.h"
#include "services/api/metadata/sql_popularity_store.h"
#include "services/api/metadata/sql_webhook_store.h"
#include "services/api/metadata/store_transactions.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Values in one IN list.
constexpr size_t kInList = 32;
#define SR_IN_LIST "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
// Deadlocks are rare, and a transaction that loses ten in a row meets something else.
constexpr int kTries = 10;
// How often a reader that finds nothing new looks for events that nobody numbered.
constexpr absl::Duration kOrphanLook = absl::Seconds(1);

absl::Duration RetryPause(int attempt) {
  thread_local absl::BitGen random;
  return absl::Milliseconds(absl::Uniform(random, 0.5, 4.0 * attempt));
}

// See store_transactions.h.
struct MysqlWrite {
  MysqlConnection& db;
  int64_t last_event = 0;  // row number

  absl::StatusOr<Image> LockImage(const std::string& id) {
    MysqlQuery query = db.Query("SELECT " SR_IMAGE_COLUMNS " FROM images WHERE id = ? FOR UPDATE");
    return ReadOnlyImageRow(query.Bind(id), id);
  }
  absl::Status ClaimBytes(const Image& image) {
    return db.Query("UPDATE images SET claims_bytes = 1 WHERE id = ?").Bind(image.id).Run();
  }
  absl::Status Append(const char* type, const Image& image, absl::Time now) {
    SR_ASSIGN_OR_RETURN(last_event, AppendEvent(db, type, image, now));
    return absl::OkStatus();
  }
};

class MysqlStore final : public MetadataStore {
 public:
  MysqlStore(const MysqlOptions& options, Metrics& metrics)
      : options_(options),
        pool_({.address = options.address,
               .session = {.patience = options.patience},
               .connections = options.connections},
              metrics),
        feed_table_(options.address, {.patience = options.patience}, pool_,
                    options.before_round_commit),
        sequencer_(feed_table_, {}, metrics),
        retries_total_(metrics.GetCounter("stockroom_database_retries_total",
                                          "Transactions run again after a deadlock or a lost "
                                          "connection.")) {}

  absl::Status Prepare() {
    SR_ASSIGN_OR_RETURN(MysqlPool::Lease lease, pool_.Take());
    if (!options_.allow_unsafe_durability) SR_RETURN_IF_ERROR(CheckDurability(lease.db()));
    return Migrate(lease.db(), MysqlMigrations(), absl::Now());
  }

  absl::StatusOr<CreatedImage> CreateImage(const NewImage& created, absl::Time now) override {
    const Image image = CreatedFrom(created, now);
    SR_RETURN_IF_ERROR(CheckStorable(image));
    int64_t event = 0;
    SR_ASSIGN_OR_RETURN(
        CreatedImage answer,
        Write<CreatedImage>(
            [&](MysqlWrite& write) { return CreateImageIn(write, created, image, now); }, &event));
    answer.feed_position = Settle(event);
    return answer;
  }

  absl::StatusOr<Image> GetImage(const std::string& id) override {
    return Read<Image>([&](MysqlConnection& db) { return FindImageRow(db, id); });
  }

  absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) override {
    const std::set<std::string> wanted(ids.begin(), ids.end());
    const std::vector<std::string> list(wanted.begin(), wanted.end());
    return Read<std::vector<Image>>([&](MysqlConnection& db) -> absl::StatusOr<std::vector<Image>> {
      std::vector<Image> found;
      for (size_t begin = 0; begin < list.size(); begin += kInList) {
        MysqlQuery query =
            db.Query("SELECT " SR_IMAGE_COLUMNS " FROM images WHERE id IN " SR_IN_LIST);
        // The last one again, until the list is full.
        for (size_t i = 0; i < kInList; ++i) {
          query.Bind(list[std::min(begin + i, list.size() - 1)]);
        }
        SR_ASSIGN_OR_RETURN(std::vector<Image> images, ReadImageRows(query));
        std::move(images.begin(), images.end(), std::back_inserter(found));
      }
      return found;
    });
  }

  absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) override {
    return Read<std::vector<Image>>([&](MysqlConnection& db) { return ListImageRows(db, query); });
  }

  absl::StatusOr<Usage> UsageOf(const std::string& owner) override {
    return Read<Usage>([&](MysqlConnection& db) { return ReadUsage(db, owner); });
  }

  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override {
    return Change([&](MysqlWrite& write) { return UpdateImageIn(write, id, now, edit, once); });
  }

  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    return Change([&](MysqlWrite& write) { return DeleteImageIn(write, id, now, check, once); });
  }

  absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images, absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckArchived(images));
    int64_t event = 0;
    SR_ASSIGN_OR_RETURN(
        const int imported,
        Write<int>([&](MysqlWrite& write) { return ImportImagesIn(write, images, now); }, &event));
    if (imported > 0) Settle(event);
    return imported;
  }

  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    return Read<std::vector<Digest>>(
        [&](MysqlConnection& db) -> absl::StatusOr<std::vector<Digest>> {
          std::vector<Digest> found;
          for (size_t begin = 0; begin < digests.size(); begin += kInList) {
            MysqlQuery query =
                db.Query("SELECT DISTINCT sha256 FROM images WHERE sha256 IN " SR_IN_LIST);
            for (size_t i = 0; i < kInList; ++i) {
              query.Bind(SqlBlob{digests[std::min(begin + i, digests.size() - 1)].bytes()});
            }
            while (query.Step()) {
              SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(query.Text(0)));
              found.push_back(digest);
            }
            SR_RETURN_IF_ERROR(query.status());
          }
          return found;
        });
  }

  absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner, const std::string& key,
                                            absl::Time now, absl::Time until) override {
    return Write<KeyReservation>(
        [&](MysqlWrite& write) { return ReserveKeyRow(write.db, owner, key, now, until); });
  }

  absl::Status ReleaseKey(const std::string& owner, const std::string& key,
                          int64_t token) override {
    return WriteStatus(
        [&](MysqlWrite& write) { return ReleaseKeyRow(write.db, owner, key, token); });
  }

  absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                           const std::string& answer) override {
    return WriteStatus(
        [&](MysqlWrite& write) { return AmendKeyRow(write.db, owner, key, token, answer); });
  }

  absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) override {
    return Write<int>([&](MysqlWrite& write) { return ForgetKeyRows(write.db, before, limit); });
  }

  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override {
    return Write<std::vector<LeasedJob>>(
        [&](MysqlWrite& write) { return LeaseJobRows(write.db, request); });
  }

  absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                  absl::Time lease_until) override {
    return Write<std::vector<JobRef>>(
        [&](MysqlWrite& write) { return RenewJobRows(write.db, jobs, lease_until); });
  }

  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckStorable(result));
    SR_ASSIGN_OR_RETURN(ChangedImage changed, Change([&](MysqlWrite& write) {
                          return CompleteJobIn(write, job, result, now);
                        }));
    return std::move(changed.image);
  }

  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override {
    SR_ASSIGN_OR_RETURN(ChangedImage changed, Change([&](MysqlWrite& write) {
                          return FailJobIn(write, job, kind, reason, now);
                        }));
    return std::move(changed.image);
  }

  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override {
    return WriteStatus(
        [&](MysqlWrite& write) { return ReleaseJobRow(write.db, job, kind, not_before); });
  }

  absl::StatusOr<int> ReleaseAllLeases() override {
    return Write<int>([&](MysqlWrite& write) { return ReleaseAllJobRows(write.db); });
  }

  absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                  const EnqueueRequest& request, absl::Time now) override {
    int64_t event = 0;
    SR_ASSIGN_OR_RETURN(
        const int made,
        Write<int>([&](MysqlWrite& write) { return EnqueueJobsIn(write, image_ids, request, now); },
                   &event));
    if (event != 0) Settle(event);
    return made;
  }

  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override {
    return Read<std::vector<std::string>>(
        [&](MysqlConnection& db) { return ListOutdatedRows(db, work_plan, after, limit); });
  }

  absl::StatusOr<JobCounts> CountJobs(absl::Time now, int limit) override {
    return Read<JobCounts>([&](MysqlConnection& db) { return CountJobRows(db, now, limit); });
  }

  absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) override {
    return Read<std::optional<absl::Time>>(
        [&](MysqlConnection& db) { return NextJobRowTime(db, now); });
  }

  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    const auto read = [&] {
      return Read<std::vector<Event>>(
          [&](MysqlConnection& db) { return ReadEventRows(db, position, limit); });
    };
    SR_ASSIGN_OR_RETURN(std::vector<Event> events, read());
    if (!events.empty() || !NumberOrphans()) return events;
    return read();
  }

  absl::StatusOr<int> TrimEvents(absl::Time before, int limit) override {
    return Write<int>([&](MysqlWrite& write) { return TrimEventRows(write.db, before, limit); });
  }

  absl::StatusOr<FeedRange> GetFeedRange() override {
    SR_RETURN_IF_ERROR(NumberLeftovers().status());
    return Read<FeedRange>([&](MysqlConnection& db) { return ReadFeedRange(db); });
  }

  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    return VisitImages(pool_, SnapshotReaders(), visit);
  }

  absl::StatusOr<std::string> CatalogueId() override {
    return Read<std::string>([](MysqlConnection& db) { return ReadCatalogueId(db); });
  }

  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    return Write<bool>(
        [&](MysqlWrite& write) { return TakeLeaseRow(write.db, name, holder, now, ttl); });
  }

  absl::StatusOr<absl::Time> ServerTime() override {
    return Read<absl::Time>([](MysqlConnection& db) -> absl::StatusOr<absl::Time> {
      MysqlQuery query = db.Query("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)");
      if (!query.Step()) return query.status();
      return absl::FromUnixMicros(query.Integer(0));
    });
  }

  ApiKeyStore& api_keys() override { return api_keys_; }
  WebhookStore& webhooks() override { return webhooks_; }
  ModerationStore& moderation() override { return moderation_; }
  PopularityStore& popularity() override { return popularity_; }
  UploadStore& uploads() override { return uploads_; }

  void SetCommitListener(std::function<void()> listener) override {
    listener_ = std::move(listener);
  }

  template <typename T>
  absl::StatusOr<T> Write(absl::FunctionRef<absl::StatusOr<T>(MysqlWrite&)> work,
                          int64_t* event = nullptr) {
    absl::StatusOr<T> result = absl::InternalError("the write did not run");
    SR_RETURN_IF_ERROR(Transact(
        [&](MysqlWrite& write) {
          result = work(write);
          return result.status();
        },
        event));
    return result;
  }

  template <typename T>
  absl::StatusOr<T> Read(absl::FunctionRef<absl::StatusOr<T>(MysqlConnection&)> work) {
    for (int attempt = 1;; ++attempt) {
      SR_ASSIGN_OR_RETURN(MysqlPool::Lease lease, pool_.Take());
      absl::StatusOr<T> result = work(lease.db());
      // One that lay idle may have died meanwhile.
      if (result.ok() || !lease.db().broken() || attempt == 2) return result;
      retries_total_.Add();
    }
  }

  absl::StatusOr<ChangedImage> Change(absl::FunctionRef<absl::StatusOr<Image>(MysqlWrite&)> work) {
    ChangedImage changed;
    int64_t event = 0;
    SR_ASSIGN_OR_RETURN(changed.image, Write<Image>(work, &event));
    changed.feed_position = Settle(event);
    return changed;
  }

 private:
  // Tries again what the database rolled back, and what found its connection dead: until COMMIT was
  // sent, nothing has happened.
  absl::Status Transact(absl::FunctionRef<absl::Status(MysqlWrite&)> work, int64_t* event) {
    absl::Status status;
    for (int attempt = 1; attempt <= kTries; ++attempt) {
      if (attempt > 1) {
        retries_total_.Add();
        absl::SleepFor(RetryPause(attempt));
      }
      SR_ASSIGN_OR_RETURN(MysqlPool::Lease lease, pool_.Take());
      MysqlWrite write{lease.db()};
      status = RunUntilCommit(write, work);
      if (status.ok()) {
        status = write.db.Commit();
        if (status.ok() && event != nullptr) *event = write.last_event;
        // Galera reports conflicts here; all else leaves open whether it happened.
        if (!IsSqlRetry(status)) return status;
      }
      const bool lost = write.db.broken();
      write.db.Rollback();
      if (!lost && !IsSqlRetry(status) && !IsSqlDuplicate(status)) return status;
    }
    return IsSqlRetry(status) || IsSqlDuplicate(status)
               ? Unavailable("DATABASE_BUSY", absl::StrCat("gave up: ", status.message()))
               : status;
  }

  absl::Status RunUntilCommit(MysqlWrite& write,
                              absl::FunctionRef<absl::Status(MysqlWrite&)> work) {
    SR_RETURN_IF_ERROR(write.db.Begin());
    try {
      SR_RETURN_IF_ERROR(work(write));
    } catch (const std::exception& e) {
      return absl::InternalError(absl::StrCat("exception during a database write: ", e.what()));
    }
    return options_.before_commit ? options_.before_commit() : absl::OkStatus();
  }

  absl::Status WriteStatus(absl::FunctionRef<absl::Status(MysqlWrite&)> work) {
    return Transact(work, nullptr);
  }

  // Position of the call's event, which is committed; without one, a position by which every event
  // is numbered that the call can have seen. 0 if the database is away.
  int64_t Settle(int64_t event) {
    const absl::StatusOr<int64_t> position =
        event != 0 ? sequencer_.PositionOf(event) : LastPosition();
    if (!position.ok()) {
      LogWarning("the position of a committed event is not known yet",
                 {{"error", position.status()}});
    }
    if (event != 0 && listener_) listener_();
    return position.value_or(0);
  }

  // By which every event is numbered that was committed before the call.
  absl::StatusOr<int64_t> LastPosition() {
    SR_ASSIGN_OR_RETURN(const FeedRange range, GetFeedRange());
    return range.last;
  }

  // Numbers what is committed and has no number, if there is any; true if there was. Looking is
  // cheap and takes no lock, which matters when many look.
  absl::StatusOr<bool> NumberLeftovers() {
    SR_ASSIGN_OR_RETURN(const bool any,
                        Read<bool>([](MysqlConnection& db) { return HasUnnumberedEvents(db); }));
    if (any) SR_RETURN_IF_ERROR(sequencer_.NumberAll().status());
    return any;
  }

  // Events of a process that died between its commit and the numbering. True if it numbered any.
  bool NumberOrphans() {
    const int64_t now = absl::ToUnixMicros(absl::Now());
    int64_t next = next_orphan_look_.load();
    const int64_t later = now + absl::ToInt64Microseconds(kOrphanLook);
    if (now < next || !next_orphan_look_.compare_exchange_strong(next, later)) return false;
    return NumberLeftovers().value_or(false);
  }

  // As many as there are cores to turn rows into images; most connections are left to the calls.
  int SnapshotReaders() const {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::clamp(std::min(cores, options_.connections / 2), 1, 4);
  }

  const MysqlOptions options_;
  MysqlPool pool_;
  MysqlFeedTable feed_table_;
  FeedSequencer sequencer_;
  Counter& retries_total_;
  std::atomic<int64_t> next_orphan_look_{0};
  std::function<void()> listener_;
  SqlApiKeys<MysqlStore> api_keys_{*this};
  SqlModerationStore<MysqlStore> moderation_{*this};
  SqlPopularityStore<MysqlStore> popularity_{*this};
  SqlUploadStore<MysqlStore> uploads_{*this};
  using Work = absl::FunctionRef<absl::Status(MysqlConnection&)>;
  SqlWebhookStore<MysqlConnection> webhooks_{
      [this](Work work) {
        return Read<bool>([&](MysqlConnection& db) -> absl::StatusOr<bool> {
                 SR_RETURN_IF_ERROR(work(db));
                 return true;
               })
            .status();
      },
      [this](Work work) { return WriteStatus([&](MysqlWrite& write) { return work(write.db); }); }};
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMysqlStore(const MysqlOptions& options,
                                                              Metrics& metrics) {
  if (options.connections < 1 || options.address.user.empty() || options.address.database.empty()) {
    return InvalidArgument("INVALID_DATABASE_ADDRESS",
                           "the MySQL store needs a user, a database and a connection");
  }
  auto store = std::make_unique<MysqlStore>(options, metrics);
  SR_RETURN_IF_ERROR(store->Prepare());
  return store;
}

}  // namespace stockroom::api
