// SQLite's FTS5 over the same text, in one file that the page cache holds. Rows are in the order of
// creation, so that it may answer "newest first" by walking its index backwards and stop after
// twenty: the best plan that it has.
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>

#include "bench/search/versus.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

class Sqlite {
 public:
  explicit Sqlite(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) Fail("open");
    Run("PRAGMA journal_mode = OFF");
    Run("PRAGMA synchronous = OFF");
    Run("PRAGMA cache_size = -1000000");
    Run("PRAGMA mmap_size = 8000000000");
  }
  ~Sqlite() { sqlite3_close(db_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void Run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) Fail(sql.c_str());
  }
  sqlite3_stmt* Prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      Fail(sql.c_str());
    }
    return statement;
  }
  // Rows that it gives; it may be run again.
  size_t Step(sqlite3_stmt* statement) {
    size_t rows = 0;
    int code = 0;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) ++rows;
    if (code != SQLITE_DONE) Fail("step");
    sqlite3_reset(statement);
    return rows;
  }
  [[noreturn]] void Fail(const char* what) {
    std::fprintf(stderr, "SQLite, %s: %s\n", what, sqlite3_errmsg(db_));
    std::exit(1);
  }

 private:
  sqlite3* db_ = nullptr;
};

void BindText(sqlite3_stmt* statement, int column, const std::string& text) {
  sqlite3_bind_text(statement, column, text.c_str(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
}

void Fill(Sqlite& db, const testing::Catalogue& catalogue, uint64_t images) {
  db.Run(
      "CREATE VIRTUAL TABLE words USING fts5(title, description, tags, filename, content = '', "
      "tokenize = 'unicode61 remove_diacritics 2')");
  db.Run(
      "CREATE TABLE facts (id INTEGER PRIMARY KEY, license TEXT, format TEXT, width INTEGER, "
      "height INTEGER, created_us INTEGER)");
  sqlite3_stmt* words = db.Prepare(
      "INSERT INTO words (rowid, title, description, tags, filename) VALUES (?, ?, ?, ?, ?)");
  sqlite3_stmt* facts = db.Prepare("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)");
  db.Run("BEGIN");
  for (uint64_t i = 0; i < images; ++i) {
    const api::Image image = catalogue.At(i);
    if (!IsFoundByAll(image)) continue;
    const auto row = static_cast<sqlite3_int64>(i + 1);
    sqlite3_bind_int64(words, 1, row);
    BindText(words, 2, image.described.title);
    BindText(words, 3, image.described.description);
    BindText(words, 4, TagText(image));
    BindText(words, 5, image.filename);
    db.Step(words);
    sqlite3_bind_int64(facts, 1, row);
    BindText(facts, 2, image.described.license);
    BindText(facts, 3, image.facts.format);
    sqlite3_bind_int(facts, 4, image.facts.width);
    sqlite3_bind_int(facts, 5, image.facts.height);
    sqlite3_bind_int64(facts, 6, absl::ToUnixMicros(image.create_time));
    db.Step(facts);
  }
  db.Run("COMMIT");
  sqlite3_finalize(words);
  sqlite3_finalize(facts);
  db.Run("INSERT INTO words(words) VALUES ('optimize')");
}

}  // namespace

void MeasureFts5(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                 Report& report) {
  testing::TempFolder folder;
  Sqlite db(folder.file("fts5.db"));
  Fill(db, catalogue, index.images());
  Compare(catalogue, index, options, report, "fts5", 200, [&](const testing::TwoWords& search) {
    // Preparing it belongs to the search, as parsing does to ours.
    sqlite3_stmt* statement = db.Prepare(
        "SELECT words.rowid FROM words JOIN facts ON facts.id = words.rowid WHERE words MATCH ? "
        "AND " +
        search.condition + " ORDER BY words.rowid DESC LIMIT 20");
    BindText(statement, 1, search.fts5);
    const size_t rows = db.Step(statement);
    sqlite3_finalize(statement);
    return rows;
  });
}

}  // namespace stockroom::bench
