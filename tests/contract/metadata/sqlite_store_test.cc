// What only a store on a file can break.
#include "services/api/metadata/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "services/api/metadata/migrations/sqlite_migrations.h"
#include "services/api/metadata/sqlite_connection.h"
#include "services/api/metadata/sqlite_migrate.h"
#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"
#include "tests/support/temp_folder.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;

// Runs SQL behind the store's back; returns the first column of the first row.
std::string Sql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  std::string first;
  const auto keep = [](void* out, int columns, char** values, char**) {
    auto& text = *static_cast<std::string*>(out);
    if (columns > 0 && values[0] != nullptr && text.empty()) text = values[0];
    return 0;
  };
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), keep, &first, &error), SQLITE_OK) << error;
  sqlite3_close(db);
  return first;
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<MetadataStore>> Open(SqliteOptions options = {}) {
    options.path = path_;
    return OpenSqliteStore(options, metrics_);
  }

  testing::TempFolder folder_;
  Metrics metrics_;
  std::string path_ = folder_.file("sub/stockroom.db");
};

TEST_F(SqliteStoreTest, KeepsEverythingAcrossAReopening) {
  Image before;
  std::vector<Event> events;
  {
    auto store = Value(Open());
    Value(store->CreateImage(Upload("a"), kNoon));
    const auto jobs = Value(store->LeaseJobs({.max_jobs = 1, .now = kNoon}));
    before = Value(store->CompleteJob({jobs[0].job.id, jobs[0].job.token}, Processed(), kNoon));
    Value(store->CreateImage(Upload("b"), kNoon));
    events = Value(store->ReadEvents(0, 10));
  }
  auto store = Value(Open());
  EXPECT_EQ(Value(store->GetImage("a")), before);
  EXPECT_EQ(Value(store->CountJobs(kNoon, 1000)).waiting, 1);
  const auto again = Value(store->ReadEvents(0, 10));
  ASSERT_EQ(again.size(), events.size());
  EXPECT_EQ(again.back().id, events.back().id);
  EXPECT_EQ(Sql(path_, "SELECT COUNT(*) FROM schema_migrations"),
            std::to_string(SqliteMigrations().size()));
}

TEST_F(SqliteStoreTest, BringsADatabaseOfTheFirstSchemaToTheNewestWithEverythingInIt) {
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  {
    const auto db =
        Value(SqliteConnection::Open(path_, SqliteConnection::Mode::kCreate, absl::Seconds(1)));
    ASSERT_TRUE(Migrate(*db, SqliteMigrations().first(1), kNoon).ok());
  }
  const std::string row =
      "'ann', 't', '', '', 3, 2, '', 'f.jpg', zeroblob(32), zeroblob(16), 9, 0, 0, '', '', 0, "
      "NULL, "
      "'{}', '[]', '{}', '[]', 1700000000000000, 1700000000000000, 1)";
  Sql(path_, "INSERT INTO images VALUES ('a', " + row);
  Sql(path_, "INSERT INTO images VALUES ('b', " + row);
  Sql(path_,
      "INSERT INTO jobs VALUES ('018bcfe5-6800-7000-8000-00000000000b', 'b', 'r', 2, 7, 1, 'x',"
      " 1700000000000000, 1700000000000002)");
  Sql(path_,
      "INSERT INTO jobs VALUES ('018bcfe5-6800-7000-8000-00000000000a', 'a', 'r', 0, 0, 0, '',"
      " 1700000000000000, 1700000000000001)");
  Sql(path_, "INSERT INTO events VALUES (1, 'e1', 'image.created', 'a', 1, 1700000000000000)");
  Sql(path_, "INSERT INTO events VALUES (2, 'e2', 'image.deleted', 'gone', 2, 1700000000000000)");

  auto store = Value(Open());
  const auto jobs = Value(store->LeaseJobs({.max_jobs = 9, .now = kNoon + absl::Hours(1)}));
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].image.id, "a");
  EXPECT_EQ(jobs[1].image.id, "b");
  EXPECT_EQ(jobs[1].job.attempt, 3);
  EXPECT_EQ(jobs[1].job.token, 8);
  EXPECT_EQ(jobs[1].job.priority, JobPriority::kInteractive);
  const auto events = Value(store->ReadEvents(0, 9));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].owner, "ann");
  EXPECT_EQ(events[0].visibility, Visibility::kPrivate);
  EXPECT_EQ(events[1].owner, "");
  EXPECT_EQ(events[1].visibility, Visibility::kPrivate);
}

TEST_F(SqliteStoreTest, RefusesASecondOpenerAndNamesTheLock) {
  auto first = Value(Open());
  const auto second = Open();
  EXPECT_EQ(DetailsOf(second.status()).reason, "DATABASE_IN_USE");
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path_ + ".lock"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(getpid())));
  first.reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(SqliteStoreTest, RefusesADatabaseOfANewerStockroom) {
  Value(Open()).reset();
  Sql(path_, "INSERT INTO schema_migrations VALUES (999, 'future', 'x', 0)");
  const auto refused = Open();
  EXPECT_EQ(DetailsOf(refused.status()).reason, "DATABASE_TOO_NEW");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("999"));
}

TEST_F(SqliteStoreTest, RefusesAnAlteredMigration) {
  Value(Open()).reset();
  Sql(path_, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1");
  EXPECT_EQ(DetailsOf(Open().status()).reason, "MIGRATION_ALTERED");
}

TEST_F(SqliteStoreTest, RefusesADatabaseOfAnotherProgram) {
  Value(Open()).reset();
  Sql(path_, "DROP TABLE schema_migrations");
  EXPECT_EQ(DetailsOf(Open().status()).reason, "DATABASE_FOREIGN");
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  std::ofstream(path_) << std::string(4096, 'x');
  EXPECT_EQ(Code(Open()), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Code(OpenSqliteStore({.path = ":memory:"}, metrics_)),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SqliteStoreTest, AnswersWithAnErrorAndShowsNothingWhenTheCommitFails) {
  std::atomic<bool> fail = false;
  SqliteOptions options;
  options.before_commit = [&] {
    return fail ? Unavailable("DISK_GONE", "the disk is gone") : absl::OkStatus();
  };
  auto store = Value(Open(options));
  std::atomic<int> notified = 0;
  store->SetCommitListener([&] { ++notified; });
  fail = true;
  EXPECT_EQ(Code(store->CreateImage(Upload("a"), kNoon)), absl::StatusCode::kUnavailable);
  EXPECT_EQ(notified, 0);
  EXPECT_EQ(Code(store->GetImage("a")), absl::StatusCode::kNotFound);
  fail = false;
  EXPECT_FALSE(Value(store->CreateImage(Upload("a"), kNoon)).deduplicated);
  EXPECT_EQ(notified, 1);
}

TEST_F(SqliteStoreTest, AnswersNobodyBeforeTheCommit) {
  std::atomic<bool> committing = false;
  std::atomic<bool> go = false;
  std::atomic<bool> answered = false;
  SqliteOptions options;
  options.before_commit = [&] {
    committing = true;
    committing.notify_all();
    go.wait(false);
    EXPECT_FALSE(answered);
    return absl::OkStatus();
  };
  auto store = Value(Open(options));
  std::thread caller([&] {
    Value(store->CreateImage(Upload("a"), kNoon));
    answered = true;
  });
  committing.wait(false);
  EXPECT_EQ(Code(store->GetImage("a")), absl::StatusCode::kNotFound);
  go = true;
  go.notify_all();
  caller.join();
  EXPECT_TRUE(store->GetImage("a").ok());
}

TEST_F(SqliteStoreTest, CommitsCallsThatWaitTogetherAndUndoesOnlyTheOneThatFails) {
  Gauge& waiting = metrics_.GetGauge("stockroom_metadata_writes_waiting", "");
  Counter& commits = metrics_.GetCounter("stockroom_metadata_commits_total", "");
  SqliteOptions options;
  // The first commit lasts until the nine others wait.
  std::atomic<bool> first = true;
  options.before_commit = [&] {
    if (first.exchange(false)) {
      while (waiting.value() < 9) std::this_thread::yield();
    }
    return absl::OkStatus();
  };
  auto store = Value(Open(options));
  std::atomic<int> refused = 0;
  std::atomic<bool> begun = false;
  std::thread leader([&] {
    begun = true;
    begun.notify_all();
    Value(store->CreateImage(Upload("first"), kNoon));
  });
  begun.wait(false);
  while (first) std::this_thread::yield();
  InThreads(9, [&](int i) {
    const auto answer = store->CreateImage(
        Upload(i == 4 ? "first" : "i" + std::to_string(i), "bob", "bytes" + std::to_string(i)),
        kNoon);
    if (Code(answer) == absl::StatusCode::kAlreadyExists) ++refused;
  });
  leader.join();
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(commits.value(), 2u);
  EXPECT_EQ(Value(store->ListImages({.viewer = "bob"})).size(), 9u);
  EXPECT_EQ(Value(store->ReadEvents(0, 100)).size(), 9u);
}

TEST_F(SqliteStoreTest, UndoesWhatAFailedCallHadWritten) {
  auto store = Value(Open());
  Value(store->CreateImage(Upload("a"), kNoon));
  // The event can not be written; image and job must not stay behind.
  Sql(path_,
      "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.image_id = 'b' "
      "BEGIN SELECT RAISE(ABORT, 'refused'); END");
  EXPECT_EQ(Code(store->CreateImage(Upload("b"), kNoon)), absl::StatusCode::kInternal);
  EXPECT_EQ(Code(store->GetImage("b")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Value(store->CountJobs(kNoon, 1000)).waiting, 1);
}

TEST_F(SqliteStoreTest, SaysUnavailableWhileAnotherProgramHoldsTheDatabase) {
  SqliteOptions options;
  options.patience = absl::Milliseconds(20);
  auto store = Value(Open(options));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(Code(store->CreateImage(Upload("a"), kNoon)), absl::StatusCode::kUnavailable);
  sqlite3_close(other);
  EXPECT_TRUE(store->CreateImage(Upload("a"), kNoon).ok());
}

TEST_F(SqliteStoreTest, SaysSoWhenTooManyWritesWait) {
  Gauge& waiting = metrics_.GetGauge("stockroom_metadata_writes_waiting", "");
  std::atomic<bool> go = false;
  std::atomic<bool> committing = false;
  SqliteOptions options;
  options.max_waiting_writes = 1;
  options.before_commit = [&] {
    committing = true;
    committing.notify_all();
    go.wait(false);
    return absl::OkStatus();
  };
  auto store = Value(Open(options));
  std::thread a([&] { Value(store->CreateImage(Upload("a"), kNoon)); });
  committing.wait(false);
  std::thread b([&] { Value(store->CreateImage(Upload("b"), kNoon)); });
  while (waiting.value() < 1) std::this_thread::yield();
  const auto refused = store->CreateImage(Upload("c"), kNoon);
  EXPECT_EQ(Code(refused), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(DetailsOf(refused.status()).retry_after.has_value());
  go = true;
  go.notify_all();
  a.join();
  b.join();
}

// Writes until it is killed; each acknowledged id goes through the pipe.
[[noreturn]] void WriteUntilKilled(const std::string& path, int pipe_end) {
  Metrics metrics;
  auto store = OpenSqliteStore({.path = path}, metrics);
  if (!store.ok()) _exit(1);
  InThreads(4, [&](int t) {
    for (int i = 0;; ++i) {
      const std::string id = std::to_string(t) + "-" + std::to_string(i) + "\n";
      if (!(*store)->CreateImage(Upload(id), kNoon).ok()) _exit(2);
      if (write(pipe_end, id.data(), id.size()) < 0) _exit(3);
    }
  });
  _exit(4);
}

TEST_F(SqliteStoreTest, HoldsEveryAcknowledgedImageAfterAKill) {
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  for (const size_t enough : {1u, 40u, 300u}) {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + "-wal");
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      WriteUntilKilled(path_, ends[1]);
    }
    close(ends[1]);
    std::string acknowledged;
    char buffer[4096];
    ssize_t n = 0;
    bool killed = false;
    while ((n = read(ends[0], buffer, sizeof(buffer))) > 0) {
      acknowledged.append(buffer, n);
      const auto lines = std::count(acknowledged.begin(), acknowledged.end(), '\n');
      if (!killed && static_cast<size_t>(lines) >= enough) killed = kill(child, SIGKILL) == 0;
    }
    close(ends[0]);
    int how = 0;
    waitpid(child, &how, 0);
    ASSERT_TRUE(WIFSIGNALED(how)) << how;

    auto store = Value(Open());
    std::istringstream lines(acknowledged);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(store->GetImage(line + "\n").ok()) << line;
    }
    // Rows, jobs and events came together.
    const auto images = Value(store->ListImages({.viewer = "ann", .limit = 1 << 20}));
    EXPECT_EQ(static_cast<int>(images.size()), Value(store->CountJobs(kNoon, 1000)).waiting);
    EXPECT_EQ(images.size(), Value(store->ReadEvents(0, 1 << 20)).size());
    store.reset();
    EXPECT_EQ(Sql(path_, "PRAGMA integrity_check"), "ok");
  }
}

}  // namespace
}  // namespace stockroom::api
