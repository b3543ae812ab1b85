// MariaDB's FULLTEXT (InnoDB, boolean mode) over the same text, all of it in the buffer pool, over
// a connection that is open.
#include "tests/support/mariadb.h"
#include "bench/search/versus.h"
#include "services/api/metadata/mysql_connection.h"

namespace stockroom::bench {
namespace {

using api::MysqlConnection;
using testing::MariaDb;

void Fill(MysqlConnection& db, const testing::Catalogue& catalogue, uint64_t images) {
  Check(db.Execute(
            "CREATE TABLE images (id BIGINT PRIMARY KEY, title TEXT, description TEXT, tags TEXT, "
            "filename TEXT, license VARCHAR(100), format VARCHAR(20), width INT, height INT, "
            "created_us BIGINT) ENGINE = InnoDB CHARACTER SET utf8mb4"),
        "CREATE TABLE");
  for (uint64_t i = 0; i < images; ++i) {
    if (i % 10'000 == 0) Check(db.Begin(), "BEGIN");
    const api::Image image = catalogue.At(i);
    if (IsFoundByAll(image)) {
      Check(
          db.Query("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
              .Bind(static_cast<int64_t>(i + 1), image.described.title, image.described.description,
                    TagText(image), image.filename, image.described.license, image.facts.format,
                    image.facts.width, image.facts.height, absl::ToUnixMicros(image.create_time))
              .Run(),
          "INSERT");
    }
    if (i % 10'000 == 9'999 || i + 1 == images) Check(db.Commit(), "COMMIT");
  }
}

}  // namespace

void MeasureMariaDb(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                    Report& report) {
  auto server =
      MariaDb::Start({.flags = {"--innodb-buffer-pool-size=3G", "--innodb-log-file-size=1G",
                                "--innodb-ft-cache-size=80000000", "--innodb-ft-min-token-size=2",
                                "--innodb-ft-enable-stopword=0"}});
  Check(server.status(), "mariadbd");
  Check((*server)->Sql("CREATE DATABASE search").status(), "CREATE DATABASE");
  const api::MysqlAddress address{.port = (*server)->port(),
                                  .user = (*server)->user(),
                                  .password = (*server)->password(),
                                  .database = "search"};
  auto db = MysqlConnection::Open(address, {.patience = absl::Hours(1)});
  Check(db.status(), "connecting");
  Fill(**db, catalogue, index.images());
  Check((*server)
            ->Sql("ALTER TABLE search.images ADD FULLTEXT (title, description, tags, filename); "
                  "SET GLOBAL innodb_optimize_fulltext_only = 1; OPTIMIZE TABLE search.images")
            .status(),
        "FULLTEXT");
  Compare(catalogue, index, options, report, "mariadb", 40, [&](const testing::TwoWords& search) {
    const std::string sql =
        "SELECT id FROM images WHERE MATCH (title, description, tags, filename) AGAINST (? IN "
        "BOOLEAN MODE) AND " +
        search.condition + " ORDER BY id DESC LIMIT 20";
    auto query = (*db)->Query(sql.c_str());
    query.Bind(search.mariadb);
    size_t rows = 0;
    while (query.Step()) ++rows;
    Check(query.status(), sql.c_str());
    return rows;
  });
}

}  // namespace stockroom::bench
