#include "services/api/metadata/migrations/sqlite_migrations.h"

namespace stockroom::api {
namespace {

// Times are microseconds since 1970 (UTC). Lists and maps are JSON text. States and visibilities
// are the numbers of services/api/domain/image.h.
constexpr char kCatalogue[] = R"sql(
CREATE TABLE images (
  id             VARCHAR(36)   NOT NULL PRIMARY KEY,
  owner          VARCHAR(255)  NOT NULL,
  title          TEXT          NOT NULL,
  description    TEXT          NOT NULL,
  license        TEXT          NOT NULL,
  visibility     INTEGER       NOT NULL,
  state          INTEGER       NOT NULL,
  failure_reason TEXT          NOT NULL,
  filename       TEXT          NOT NULL,
  sha256         BLOB          NOT NULL,
  md5            BLOB          NOT NULL,
  size_bytes     BIGINT        NOT NULL,
  width          INTEGER       NOT NULL,
  height         INTEGER       NOT NULL,
  format         VARCHAR(32)   NOT NULL,
  media_type     VARCHAR(64)   NOT NULL,
  frames         INTEGER       NOT NULL,
  taken_time     BIGINT        NULL,
  analysis       TEXT          NOT NULL,
  tags           TEXT          NOT NULL,
  attributes     TEXT          NOT NULL,
  renditions     TEXT          NOT NULL,
  create_time    BIGINT        NOT NULL,
  update_time    BIGINT        NOT NULL,
  revision       BIGINT        NOT NULL
);
CREATE INDEX images_newest ON images (create_time, id);
CREATE INDEX images_owner_sha256 ON images (owner, sha256);
CREATE INDEX images_sha256 ON images (sha256);
CREATE INDEX images_md5 ON images (md5);

-- available_time is the end of the lease of a leased job, else the earliest time of its next lease.
CREATE TABLE jobs (
  id             VARCHAR(36)   NOT NULL PRIMARY KEY,
  image_id       VARCHAR(36)   NOT NULL UNIQUE REFERENCES images (id),
  request_id     VARCHAR(64)   NOT NULL,
  attempt        INTEGER       NOT NULL,
  token          BIGINT        NOT NULL,
  leased         INTEGER       NOT NULL,
  lease_holder   VARCHAR(255)  NOT NULL,
  available_time BIGINT        NOT NULL,
  create_time    BIGINT        NOT NULL
);
CREATE INDEX jobs_oldest ON jobs (create_time, id);
CREATE INDEX jobs_available ON jobs (available_time, leased);

CREATE TABLE events (
  position       INTEGER       PRIMARY KEY AUTOINCREMENT,
  id             VARCHAR(36)   NOT NULL UNIQUE,
  type           VARCHAR(32)   NOT NULL,
  image_id       VARCHAR(36)   NOT NULL,
  revision       BIGINT        NOT NULL,
  time           BIGINT        NOT NULL
);
)sql";

constexpr Migration kMigrations[] = {
    {1, "catalogue", kCatalogue},
};

}  // namespace

std::span<const Migration> SqliteMigrations() { return kMigrations; }

}  // namespace stockroom::api
