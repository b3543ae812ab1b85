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

// Job ids begin with the priority and the time, so that the primary key is the order of leasing.
constexpr char kSeveralApis[] = R"sql(
ALTER TABLE images ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE images ADD COLUMN work_plan VARCHAR(64) NOT NULL DEFAULT '';

ALTER TABLE jobs ADD COLUMN decoder_deaths INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN worker_losses INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET id = '0-' || printf('%016x', create_time) || '-' || substr(replace(id, '-', ''), 17);
DROP INDEX jobs_oldest;

-- Nobody is told of old events of images that are gone: their owners are not known any more.
ALTER TABLE events ADD COLUMN owner VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN visibility INTEGER NOT NULL DEFAULT 3;
UPDATE events SET
  owner = COALESCE((SELECT owner FROM images WHERE images.id = events.image_id), ''),
  visibility = COALESCE((SELECT visibility FROM images WHERE images.id = events.image_id), 3);

-- One row: events up to position trimmed are forgotten.
CREATE TABLE feed (
  id             INTEGER       NOT NULL PRIMARY KEY,
  trimmed        BIGINT        NOT NULL
);
INSERT INTO feed (id, trimmed) VALUES (1, 0);

CREATE TABLE idempotency_keys (
  owner          VARCHAR(255)  NOT NULL,
  name           VARCHAR(255)  NOT NULL,
  token          BIGINT        NOT NULL,
  reserved_until BIGINT        NOT NULL,
  answered       INTEGER       NOT NULL,
  fingerprint    BLOB          NOT NULL,
  answer         BLOB          NOT NULL,
  create_time    BIGINT        NOT NULL,
  PRIMARY KEY (owner, name)
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (create_time);

CREATE TABLE leases (
  name           VARCHAR(64)   NOT NULL PRIMARY KEY,
  holder         VARCHAR(255)  NOT NULL,
  until_time     BIGINT        NOT NULL
);
)sql";

// webhook_deliveries: one row for each webhook and event. state: 1 pending, 2 delivered, 3 dead.
// available_time is that of the next attempt, or the end of the lease. Secrets are readable, as
// they have to sign.
constexpr char kWebhooks[] = R"sql(
CREATE TABLE webhooks (
  id                VARCHAR(36)   NOT NULL PRIMARY KEY,
  url               TEXT          NOT NULL,
  types             TEXT          NOT NULL,
  filter_tags       TEXT          NOT NULL,
  filter_owner      VARCHAR(255)  NOT NULL,
  label             TEXT          NOT NULL,
  disabled          INTEGER       NOT NULL,
  disabled_reason   TEXT          NOT NULL,
  creator           VARCHAR(255)  NOT NULL,
  sees_all          INTEGER       NOT NULL,
  after_position    BIGINT        NOT NULL,
  secret            BLOB          NOT NULL,
  old_secret        BLOB          NOT NULL,
  old_secret_until  BIGINT        NOT NULL,
  create_time       BIGINT        NOT NULL,
  update_time       BIGINT        NOT NULL
);

-- One row: how far the feed was read.
CREATE TABLE webhook_reader (
  id                INTEGER       NOT NULL PRIMARY KEY,
  position          BIGINT        NOT NULL
);
INSERT INTO webhook_reader (id, position) VALUES (1, 0);

CREATE TABLE webhook_deliveries (
  webhook_id        VARCHAR(36)   NOT NULL,
  event_id          VARCHAR(36)   NOT NULL,
  type              VARCHAR(32)   NOT NULL,
  image_id          VARCHAR(36)   NOT NULL,
  owner             VARCHAR(255)  NOT NULL,
  revision          BIGINT        NOT NULL,
  event_time        BIGINT        NOT NULL,
  state             INTEGER       NOT NULL,
  attempts          INTEGER       NOT NULL,
  tries             INTEGER       NOT NULL,
  last_status       INTEGER       NOT NULL,
  last_error        TEXT          NOT NULL,
  last_attempt_time BIGINT        NULL,
  available_time    BIGINT        NOT NULL,
  create_time       BIGINT        NOT NULL,
  queue_time        BIGINT        NOT NULL,
  token             BIGINT        NOT NULL,
  PRIMARY KEY (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, state, available_time);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (webhook_id, state, event_id);
CREATE INDEX webhook_deliveries_oldest ON webhook_deliveries (queue_time);
)sql";

constexpr Migration kMigrations[] = {
    {1, "catalogue", kCatalogue},
    {2, "several_apis", kSeveralApis},
    {4, "webhooks", kWebhooks},
};

}  // namespace

std::span<const Migration> SqliteMigrations() { return kMigrations; }

}  // namespace stockroom::api
