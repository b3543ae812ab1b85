#include "tools/stockroom/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS sent (
  server TEXT NOT NULL,
  path BLOB NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  image_id TEXT NOT NULL,
  PRIMARY KEY (server, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sent_by_digest ON sent (server, sha256);
CREATE INDEX IF NOT EXISTS sent_by_image ON sent (server, image_id);
)sql";

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(std::string path, std::string server)
      : path_(std::move(path)), server_(std::move(server)) {}
  ~SqliteJournal() override {
    for (Statement* s : {&find_file_, &find_digest_, &record_, &forget_}) s->reset();
    sqlite3_close(db_);
  }

  absl::Status Open() {
    MutexLock lock(mu_);
    if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
        SQLITE_OK) {
      return Failure("opening");
    }
    sqlite3_busy_timeout(db_, 10'000);
    // What a power cut takes is sent again; the file itself stays sound.
    for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", kSchema}) {
      if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Failure("opening");
    }
    find_file_ = Prepare(
        "SELECT sha256, image_id FROM sent WHERE server=?1 AND path=?2 AND size=?3 AND "
        "mtime_ns=?4");
    find_digest_ =
        Prepare("SELECT sha256, image_id FROM sent WHERE server=?1 AND sha256=?2 LIMIT 1");
    record_ = Prepare(
        "INSERT OR REPLACE INTO sent (server, path, size, mtime_ns, sha256, image_id) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    forget_ = Prepare("DELETE FROM sent WHERE server=?1 AND image_id=?2");
    if (!find_file_ || !find_digest_ || !record_ || !forget_) return Failure("opening");
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<SentFile>> FindFile(const FileStamp& file) override {
    MutexLock lock(mu_);
    BindBlob(find_file_, 2, file.path);
    sqlite3_bind_int64(find_file_.get(), 3, file.size);
    sqlite3_bind_int64(find_file_.get(), 4, file.mtime_ns);
    return Find(find_file_);
  }

  absl::StatusOr<std::optional<SentFile>> FindDigest(const Digest& sha256) override {
    MutexLock lock(mu_);
    BindBlob(find_digest_, 2, sha256.bytes());
    return Find(find_digest_);
  }

  absl::Status Record(const FileStamp& file, const SentFile& sent) override {
    MutexLock lock(mu_);
    BindBlob(record_, 2, file.path);
    sqlite3_bind_int64(record_.get(), 3, file.size);
    sqlite3_bind_int64(record_.get(), 4, file.mtime_ns);
    BindBlob(record_, 5, sent.sha256.bytes());
    BindText(record_, 6, sent.image_id);
    return Change(record_);
  }

  absl::Status Forget(const std::string& image_id) override {
    MutexLock lock(mu_);
    BindText(forget_, 2, image_id);
    return Change(forget_);
  }

 private:
  absl::Status Failure(const char* doing) SR_REQUIRES(mu_) {
    const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(db_);
    const std::string text = absl::StrCat(doing, " the upload journal ", path_, ": ",
                                          db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_));
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR) {
      return absl::FailedPreconditionError(
          text + "; delete it (nothing but time is lost) or name another with --state");
    }
    if (code == SQLITE_FULL) return absl::ResourceExhaustedError(text);
    return absl::PermissionDeniedError(text + "; name another with --state");
  }

  Statement Prepare(const char* sql) SR_REQUIRES(mu_) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr);
    if (statement != nullptr) {
      sqlite3_bind_text(statement, 1, server_.data(), static_cast<int>(server_.size()),
                        SQLITE_STATIC);
    }
    return {statement, sqlite3_finalize};
  }
  static void BindBlob(const Statement& s, int at, std::string_view bytes) {
    sqlite3_bind_blob(s.get(), at, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  }
  static void BindText(const Statement& s, int at, std::string_view text) {
    sqlite3_bind_text(s.get(), at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }

  absl::StatusOr<std::optional<SentFile>> Find(const Statement& s) SR_REQUIRES(mu_) {
    const int code = sqlite3_step(s.get());
    std::optional<SentFile> found;
    if (code == SQLITE_ROW) {
      const auto column = [&](int i) {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(s.get(), i));
        const auto size = static_cast<size_t>(sqlite3_column_bytes(s.get(), i));
        return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
      };
      const absl::StatusOr<Digest> digest = Digest::FromBytes(column(0));
      // A row that makes no sense is as good as none.
      if (digest.ok()) found = SentFile{*digest, std::string(column(1))};
    }
    sqlite3_reset(s.get());
    if (code != SQLITE_ROW && code != SQLITE_DONE) return Failure("reading");
    return found;
  }

  absl::Status Change(const Statement& s) SR_REQUIRES(mu_) {
    const int code = sqlite3_step(s.get());
    sqlite3_reset(s.get());
    return code == SQLITE_DONE ? absl::OkStatus() : Failure("writing");
  }

  const std::string path_;
  const std::string server_;
  Mutex mu_;
  sqlite3* db_ SR_PT_GUARDED_BY(mu_) = nullptr;
  Statement find_file_{nullptr, sqlite3_finalize};
  Statement find_digest_{nullptr, sqlite3_finalize};
  Statement record_{nullptr, sqlite3_finalize};
  Statement forget_{nullptr, sqlite3_finalize};
};

class ForgetfulJournal final : public Journal {
 public:
  absl::StatusOr<std::optional<SentFile>> FindFile(const FileStamp&) override { return Nothing(); }
  absl::StatusOr<std::optional<SentFile>> FindDigest(const Digest&) override { return Nothing(); }
  absl::Status Record(const FileStamp&, const SentFile&) override { return absl::OkStatus(); }
  absl::Status Forget(const std::string&) override { return absl::OkStatus(); }

 private:
  static std::optional<SentFile> Nothing() { return std::nullopt; }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const std::string& path,
                                                     const std::string& server) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), "creating the folder " + folder.string());
  // It tells which pictures somebody has; SQLite gives its side files the same mode.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "creating the upload journal " + path);
  ::close(fd);
  auto journal = std::make_unique<SqliteJournal>(path, server);
  SR_RETURN_IF_ERROR(journal->Open());
  return journal;
}

std::unique_ptr<Journal> NoJournal() { return std::make_unique<ForgetfulJournal>(); }

}  // namespace stockroom::cli
