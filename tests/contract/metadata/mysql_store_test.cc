// The MetadataStore contract on MariaDB, and what only a store on a server can break.
#include "services/api/metadata/mysql_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "services/api/metadata/migrations/mysql_migrations.h"
#include "services/api/metadata/mysql_feed.h"
#include "services/api/metadata/mysql_migrate.h"
#include "services/common/base/status.h"
#include "tests/contract/metadata/metadata_store_contract.h"
#include "tests/support/mariadb.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;
using testing::MariaDb;

// One server for all tests that leave it as it is; each has a database of its own.
MariaDb& Server() {
  static const std::unique_ptr<MariaDb> server =
      MariaDb::Start({.tls = true, .flags = {"--innodb-lock-wait-timeout=5"}}).value();
  return *server;
}

std::string NewDatabase(MariaDb& server = Server()) {
  static std::atomic<int> next = 0;
  const std::string name = "t" + std::to_string(++next);
  EXPECT_TRUE(server.Sql("CREATE DATABASE " + name).ok());
  return name;
}

MysqlOptions OptionsFor(MariaDb& server, const std::string& database) {
  MysqlOptions options;
  options.address.port = server.port();
  options.address.user = server.user();
  options.address.password = server.password();
  options.address.database = database;
  options.allow_unsafe_durability = true;
  return options;
}

class MysqlUnderTest final : public StoreUnderTest {
 public:
  ~MysqlUnderTest() override {
    store_.reset();
    EXPECT_TRUE(Server().Sql("DROP DATABASE " + database_).ok());
  }
  MetadataStore& store() override { return *store_; }

 private:
  const std::string database_ = NewDatabase();
  Metrics metrics_;
  std::unique_ptr<MetadataStore> store_ =
      OpenMysqlStore(OptionsFor(Server(), database_), metrics_).value();
};

INSTANTIATE_TEST_SUITE_P(MariaDb, MetadataStoreContract,
                         ::testing::Values(StoreKind{
                             "Mysql", [] { return std::make_unique<MysqlUnderTest>(); }}),
                         KindName);
INSTANTIATE_TEST_SUITE_P(MariaDb, WebhookStoreContract,
                         ::testing::Values(StoreKind{
                             "Mysql", [] { return std::make_unique<MysqlUnderTest>(); }}),
                         KindName);
INSTANTIATE_TEST_SUITE_P(MariaDb, ModerationContract,
                         ::testing::Values(StoreKind{
                             "Mysql", [] { return std::make_unique<MysqlUnderTest>(); }}),
                         KindName);
INSTANTIATE_TEST_SUITE_P(MariaDb, PopularityContract,
                         ::testing::Values(StoreKind{
                             "Mysql", [] { return std::make_unique<MysqlUnderTest>(); }}),
                         KindName);
INSTANTIATE_TEST_SUITE_P(MariaDb, UploadContract,
                         ::testing::Values(StoreKind{
                             "Mysql", [] { return std::make_unique<MysqlUnderTest>(); }}),
                         KindName);

class MysqlStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<MetadataStore>> Open() {
    return OpenMysqlStore(options_, metrics_);
  }
  std::string Sql(const std::string& sql) {
    return Value(Server().Sql("USE " + options_.address.database + "; " + sql));
  }
  std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

  Metrics metrics_;
  MysqlOptions options_ = OptionsFor(Server(), NewDatabase());
};

TEST_F(MysqlStoreTest, RefusesADatabaseThatMayLoseAcknowledgedUploads) {
  options_.allow_unsafe_durability = false;
  const absl::Status refused = Open().status();
  EXPECT_EQ(ReasonOf(refused), "DATABASE_NOT_DURABLE");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("innodb_flush_log_at_trx_commit"));
}

TEST_F(MysqlStoreTest, TellsAWrongPasswordFromADatabaseThatIsAway) {
  MysqlOptions wrong = options_;
  wrong.address.password = "wrong";
  EXPECT_EQ(ReasonOf(OpenMysqlStore(wrong, metrics_).status()), "DATABASE_REFUSED");
  MysqlOptions nowhere = options_;
  nowhere.address.port = 1;
  EXPECT_EQ(Code(OpenMysqlStore(nowhere, metrics_)), absl::StatusCode::kUnavailable);
}

TEST_F(MysqlStoreTest, EncryptsWhenAskedTo) {
  options_.address.tls = MysqlAddress::Tls::kRequired;
  auto db = Value(MysqlConnection::Open(options_.address, {}));
  MysqlQuery cipher = db->Query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
  ASSERT_TRUE(cipher.Step()) << cipher.status();
  EXPECT_THAT(cipher.Text(1), HasSubstr("TLS"));
}

TEST_F(MysqlStoreTest, BelievesOnlyTheAuthorityItWasGiven) {
  options_.address.tls = MysqlAddress::Tls::kVerified;
  EXPECT_EQ(Code(MysqlConnection::Open(options_.address, {}).status()),
            absl::StatusCode::kUnavailable);
  options_.address.tls_ca = Server().ca_file();
  EXPECT_TRUE(MysqlConnection::Open(options_.address, {}).ok());
  options_.address.host = "localhost.localdomain";  // not the name in the certificate
  EXPECT_FALSE(MysqlConnection::Open(options_.address, {}).ok());
}

TEST_F(MysqlStoreTest, MigratesOnceHoweverManyApisStartTogether) {
  std::atomic<int> opened = 0;
  InThreads(6, [&](int) {
    Metrics metrics;
    if (OpenMysqlStore(options_, metrics).ok()) ++opened;
  });
  EXPECT_EQ(opened, 6);
  const std::string all = std::to_string(MysqlMigrations().size());
  EXPECT_EQ(Sql("SELECT COUNT(*), SUM(complete) FROM schema_migrations"), all + "\t" + all + "\n");
}

TEST_F(MysqlStoreTest, ContinuesAMigrationThatWasCutOffAnywhere) {
  for (int cut = 0; cut < 11; ++cut) {
    ASSERT_TRUE(Server()
                    .Sql("DROP DATABASE " + options_.address.database + "; CREATE DATABASE " +
                         options_.address.database)
                    .ok());
    auto db = Value(MysqlConnection::Open(options_.address, {}));
    int done = 0;
    EXPECT_FALSE(Migrate(*db, MysqlMigrations(), kNoon, [&] {
                   return done++ == cut ? absl::UnavailableError("cut") : absl::OkStatus();
                 }).ok());
    auto store = Value(Open());
    EXPECT_TRUE(store->CreateImage(Upload("a"), kNoon).ok()) << cut;
  }
}

TEST_F(MysqlStoreTest, RefusesDatabasesOfOthersAndOfNewerStockrooms) {
  Value(Open()).reset();
  Sql("INSERT INTO schema_migrations VALUES (999, 'future', 'x', 1, 1, 0)");
  EXPECT_EQ(ReasonOf(Open().status()), "DATABASE_TOO_NEW");
  Sql("DELETE FROM schema_migrations WHERE version = 999");
  Sql("UPDATE schema_migrations SET checksum = 'x'");
  EXPECT_EQ(ReasonOf(Open().status()), "MIGRATION_ALTERED");
  Sql("DROP TABLE schema_migrations");
  EXPECT_EQ(ReasonOf(Open().status()), "DATABASE_FOREIGN");
}

TEST_F(MysqlStoreTest, ShowsNothingOfAWriteWhoseCommitFails) {
  std::atomic<bool> fail = false;
  options_.before_commit = [&] { return fail ? Unavailable("CUT", "cut") : absl::OkStatus(); };
  auto store = Value(Open());
  fail = true;
  EXPECT_EQ(Code(store->CreateImage(Upload("a"), kNoon)), absl::StatusCode::kUnavailable);
  fail = false;
  EXPECT_EQ(Code(store->GetImage("a")), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->CreateImage(Upload("a"), kNoon).ok());
}

TEST_F(MysqlStoreTest, RunsATransactionAgainThatADeadlockUndid) {
  auto store = Value(Open());
  Value(store->CreateImage(Upload("a"), kNoon));
  Value(store->CreateImage(Upload("b"), kNoon));
  // Another program locks b's job, and wants a's once the store, which has that, waits for b's.
  auto other = Value(MysqlConnection::Open(options_.address, {}));
  ASSERT_TRUE(other->Begin().ok());
  // The heavier transaction survives.
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(
        other->Execute("INSERT INTO leases VALUES ('l" + std::to_string(i) + "', 'x', 0)").ok());
  }
  ASSERT_TRUE(other->Execute("UPDATE jobs SET attempt = 5 WHERE image_id = 'b'").ok());
  std::thread rival([&] {
    while (Value(Server().Sql("SELECT COUNT(*) FROM information_schema.innodb_trx "
                              "WHERE trx_state = 'LOCK WAIT'")) == "0\n") {
      std::this_thread::yield();
    }
    EXPECT_TRUE(other->Execute("UPDATE jobs SET attempt = 5 WHERE image_id = 'a'").ok());
    EXPECT_TRUE(other->Commit().ok());
  });
  const std::vector<std::string> both = {"a", "b"};
  EXPECT_TRUE(store->EnqueueJobs(both, {}, kNoon).ok());
  rival.join();
  EXPECT_GE(metrics_.GetCounter("stockroom_database_retries_total", "").value(), 1u);
}

TEST_F(MysqlStoreTest, SaysUnavailableWhenEveryConnectionIsBusy) {
  options_.connections = 1;
  options_.patience = absl::Seconds(1);
  auto store = Value(Open());
  Value(store->CreateImage(Upload("a"), kNoon));
  std::atomic<bool> inside = false;
  std::atomic<bool> go = false;
  std::thread busy([&] {
    Value(store->UpdateImage("a", kNoon, [&](Image&) {
      inside = true;
      inside.notify_all();
      go.wait(false);
      return absl::OkStatus();
    }));
  });
  inside.wait(false);
  EXPECT_EQ(Code(store->GetImage("a")), absl::StatusCode::kUnavailable);
  go = true;
  go.notify_all();
  busy.join();
  EXPECT_TRUE(store->GetImage("a").ok());
}

TEST_F(MysqlStoreTest, TwoApisKnowOneFeedInOneOrder) {
  auto one = Value(Open());
  auto two = Value(Open());
  std::mutex mu;
  std::set<int64_t> positions;
  InThreads(8, [&](int t) {
    MetadataStore& mine = t % 2 == 0 ? *one : *two;
    for (int i = 0; i < 20; ++i) {
      const auto created =
          Value(mine.CreateImage(Upload(std::to_string(t) + "-" + std::to_string(i)), kNoon));
      // Whoever reads on, on either api, finds what the answer named.
      MetadataStore& other = t % 2 == 0 ? *two : *one;
      const auto events = Value(other.ReadEvents(created.feed_position - 1, 1));
      ASSERT_EQ(events.size(), 1u);
      EXPECT_EQ(events[0].image_id, created.image.id);
      std::lock_guard lock(mu);
      EXPECT_TRUE(positions.insert(created.feed_position).second);
    }
  });
  const auto first = Value(one->ReadEvents(0, 1000));
  const auto second = Value(two->ReadEvents(0, 1000));
  ASSERT_EQ(first.size(), 160u);
  ASSERT_EQ(second.size(), 160u);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].position, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(first[i].id, second[i].id);
  }
}

TEST_F(MysqlStoreTest, ALateCommitIsNotSkippedByReadersOfTheFeed) {
  auto store = Value(Open());
  // It has the smaller row number, and commits after the other was read.
  auto late = Value(MysqlConnection::Open(options_.address, {}));
  ASSERT_TRUE(late->Begin().ok());
  ASSERT_TRUE(late->Execute("INSERT INTO events (id, type, image_id, revision, time, owner, "
                            "visibility) VALUES ('late', 'image.created', 'x', 1, 0, 'ann', 1)")
                  .ok());
  const int64_t position = Value(store->CreateImage(Upload("a"), kNoon)).feed_position;
  ASSERT_EQ(Value(store->ReadEvents(0, 10)).size(), 1u);
  ASSERT_TRUE(late->Commit().ok());
  Value(store->CreateImage(Upload("b"), kNoon));
  const auto rest = Value(store->ReadEvents(position, 10));
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0].id, "late");
  EXPECT_EQ(rest[1].image_id, "b");
}

TEST_F(MysqlStoreTest, EventsOfAnApiThatDiedBeforeNumberingThemAreNumberedByAnother) {
  auto store = Value(Open());
  Sql("INSERT INTO events (id, type, image_id, revision, time, owner, visibility) "
      "VALUES ('orphan', 'image.created', 'x', 1, 0, 'ann', 1)");
  std::vector<Event> events;
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (events.empty() && absl::Now() < end) events = Value(store->ReadEvents(0, 10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, "orphan");
}

TEST_F(MysqlStoreTest, ARoundThatIsCutOffNumbersNothingAndTheWriteIsAnsweredAllTheSame) {
  std::atomic<bool> fail = false;
  options_.before_round_commit = [&] {
    return fail ? Unavailable("CUT", "cut") : absl::OkStatus();
  };
  auto store = Value(Open());
  fail = true;
  EXPECT_EQ(Value(store->CreateImage(Upload("a"), kNoon)).feed_position, 0);
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM events WHERE seq IS NOT NULL"), "0\n");
  EXPECT_EQ(Sql("SELECT next_seq FROM feed_head"), "1\n");
  fail = false;
  EXPECT_EQ(Value(store->CreateImage(Upload("b"), kNoon)).feed_position, 2);
  EXPECT_EQ(Value(store->ReadEvents(0, 10)).size(), 2u);
}

TEST_F(MysqlStoreTest, AnApiThatStopsInTheMiddleOfARoundDoesNotStopTheFeed) {
  auto store = Value(Open());
  Value(store->CreateImage(Upload("a"), kNoon));
  // As an api that was paused while it held the counter: silent, its connection open.
  auto stopped =
      Value(MysqlConnection::Open(options_.address, {.silence = MysqlFeedTable::kSilence}));
  ASSERT_TRUE(stopped->Begin().ok());
  ASSERT_TRUE(stopped->Query("SELECT next_seq FROM feed_head WHERE id = 1 FOR UPDATE").Step());
  Value(store->CreateImage(Upload("b"), kNoon));
  const absl::Time end = absl::Now() + absl::Seconds(30);
  std::vector<Event> events;
  while (events.size() < 2 && absl::Now() < end) events = Value(store->ReadEvents(0, 10));
  EXPECT_EQ(events.size(), 2u);
  // And when it wakes up it can not go on.
  EXPECT_FALSE(stopped->Execute("UPDATE feed_head SET next_seq = 1").ok());
}

// Every kind of write at random on two stores; afterwards nothing is lost or double.
TEST_F(MysqlStoreTest, KeepsBooksUnderEverythingAtOnce) {
  auto one = Value(Open());
  auto two = Value(Open());
  InThreads(8, [&](int t) {
    MetadataStore& store = t % 2 == 0 ? *one : *two;
    unsigned seed = 7 * t + 1;
    const auto next = [&](int n) {
      return static_cast<int>((seed = seed * 1103515245 + 12345) >> 16) % n;
    };
    for (int i = 0; i < 60; ++i) {
      const std::string bytes = "bytes " + std::to_string(next(12));
      switch (next(6)) {
        case 0:
        case 1:
          EXPECT_TRUE(store
                          .CreateImage(Upload("i" + std::to_string(t) + "-" + std::to_string(i),
                                              "ann", bytes),
                                       kNoon)
                          .ok());
          break;
        case 2: {
          const auto all = Value(store.ListImages({.viewer = "ann"}));
          if (all.empty()) break;
          const auto gone = store.DeleteImage(all[next(all.size())].id, kNoon, Allow);
          EXPECT_TRUE(gone.ok() || absl::IsNotFound(gone.status())) << gone.status();
          break;
        }
        case 3: {
          const auto all = Value(store.ListImages({.viewer = "ann"}));
          if (all.empty()) break;
          const auto changed =
              store.UpdateImage(all[next(all.size())].id, kNoon, [&](Image& image) {
                image.described.title = std::to_string(t * 1000 + i);
                return absl::OkStatus();
              });
          EXPECT_TRUE(changed.ok() || absl::IsNotFound(changed.status())) << changed.status();
          break;
        }
        default:
          for (const LeasedJob& leased :
               Value(store.LeaseJobs({.max_jobs = 2, .now = kNoon + absl::Hours(i)}))) {
            const JobRef job{leased.job.id, leased.job.token};
            const absl::Status ended = next(3) == 0
                                           ? store.ReleaseJob(job, ReleaseKind::kAttempted, kNoon)
                                           : store.CompleteJob(job, Processed(), kNoon).status();
            EXPECT_TRUE(ended.ok() || absl::IsFailedPrecondition(ended)) << ended;
          }
      }
    }
  });
  // One image for the same bytes; PENDING or PROCESSING exactly when it has a job.
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM (SELECT sha256 FROM images GROUP BY sha256 "
                "HAVING COUNT(*) > 1) AS twice"),
            "0\n");
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM images LEFT JOIN jobs ON jobs.image_id = images.id "
                "WHERE (state IN (2, 3)) <> (jobs.id IS NOT NULL)"),
            "0\n");
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM jobs LEFT JOIN images ON images.id = jobs.image_id "
                "WHERE images.id IS NULL"),
            "0\n");
  const auto first = Value(one->ReadEvents(0, 10000));
  const auto second = Value(two->ReadEvents(0, 10000));
  ASSERT_EQ(first.size(), second.size());
  std::map<std::string, int64_t> revisions;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].id, second[i].id);
    EXPECT_GT(first[i].revision, revisions[first[i].image_id]) << first[i].image_id;
    revisions[first[i].image_id] = first[i].revision;
  }
}

TEST(MysqlStoreAlone, GoesOnWhenTheDatabaseComesBack) {
  const auto server = MariaDb::Start({.durable = true}).value();
  Metrics metrics;
  MysqlOptions options = OptionsFor(*server, NewDatabase(*server));
  options.allow_unsafe_durability = false;
  const auto store = Value(OpenMysqlStore(options, metrics));
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> killed = false;
    std::vector<std::vector<std::string>> mine(4);
    std::thread killer([&] {
      while (metrics.GetCounter("stockroom_feed_rounds_total", "").value() < 20u * (round + 1)) {
        std::this_thread::yield();
      }
      server->Kill();
      killed = true;
    });
    InThreads(4, [&](int t) {
      for (int i = 0; !killed; ++i) {
        const std::string id =
            std::to_string(round) + "-" + std::to_string(t) + "-" + std::to_string(i);
        const auto created = store->CreateImage(Upload(id), kNoon);
        if (created.ok()) mine[t].push_back(id);
        EXPECT_TRUE(created.ok() || absl::IsUnavailable(created.status())) << created.status();
      }
    });
    killer.join();
    for (const auto& list : mine) acknowledged.insert(acknowledged.end(), list.begin(), list.end());
    EXPECT_EQ(Code(store->GetImage("x")), absl::StatusCode::kUnavailable);
    ASSERT_TRUE(server->Restart().ok());
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (absl::IsUnavailable(store->GetImage("x").status()) && absl::Now() < end) {
      std::this_thread::yield();
    }
    for (const std::string& id : acknowledged) EXPECT_TRUE(store->GetImage(id).ok()) << id;
  }
  EXPECT_GT(acknowledged.size(), 20u);
}

}  // namespace
}  // namespace stockroom::api
