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

// A time of 0 is none.
constexpr char kApiKeys[] = R"sql(
CREATE TABLE api_keys (
  id             VARCHAR(36)   NOT NULL PRIMARY KEY,
  prefix         VARCHAR(16)   NOT NULL,
  secret_hash    BLOB          NOT NULL UNIQUE,
  subject        VARCHAR(255)  NOT NULL,
  role           INTEGER       NOT NULL,
  scopes         INTEGER       NOT NULL,
  label          VARCHAR(255)  NOT NULL,
  create_time    BIGINT        NOT NULL,
  expire_time    BIGINT        NOT NULL,
  revoke_time    BIGINT        NOT NULL
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

// block_list: one row. Its version grows with every change of the list; images up to sweep_cursor
// are checked against the hashes after version sweep_done up to sweep_target (0: no sweep runs).
// moderated_images: those that moderation dealt with; approved_version: of the list when a person
// approved. moderation_decisions outlive their images.
constexpr char kModeration[] = R"sql(
CREATE TABLE block_list (
  id               INTEGER       NOT NULL PRIMARY KEY,
  version          BIGINT        NOT NULL,
  sweep_done       BIGINT        NOT NULL,
  sweep_target     BIGINT        NOT NULL,
  sweep_cursor     VARCHAR(36)   NOT NULL
);
INSERT INTO block_list (id, version, sweep_done, sweep_target, sweep_cursor)
VALUES (1, 0, 0, 0, '');

CREATE TABLE blocked_hashes (
  hash             VARCHAR(64)   NOT NULL PRIMARY KEY,
  threshold        INTEGER       NOT NULL,
  label            TEXT          NOT NULL,
  note             TEXT          NOT NULL,
  creator          VARCHAR(255)  NOT NULL,
  create_time      BIGINT        NOT NULL,
  version          BIGINT        NOT NULL
);

CREATE TABLE moderated_images (
  image_id         VARCHAR(36)   NOT NULL PRIMARY KEY,
  state            INTEGER       NOT NULL,
  approved_version BIGINT        NULL
);
CREATE INDEX moderated_images_state ON moderated_images (state, image_id);

CREATE TABLE moderation_decisions (
  id               VARCHAR(36)   NOT NULL PRIMARY KEY,
  image_id         VARCHAR(36)   NOT NULL,
  image_owner      VARCHAR(255)  NOT NULL,
  time             BIGINT        NOT NULL,
  decided_by       INTEGER       NOT NULL,
  who              VARCHAR(255)  NOT NULL,
  from_state       INTEGER       NOT NULL,
  to_state         INTEGER       NOT NULL,
  reason           TEXT          NOT NULL,
  hash             VARCHAR(64)   NOT NULL,
  distance         INTEGER       NOT NULL,
  labels           TEXT          NOT NULL,
  revision         BIGINT        NOT NULL
);
CREATE INDEX moderation_decisions_image ON moderation_decisions (image_id, id);
)sql";

// Unlike any other database's, so that nothing derived from one is taken for another's.
constexpr char kIdentity[] = R"sql(
CREATE TABLE catalogue_identity (
  one              INTEGER PRIMARY KEY,
  id               TEXT    NOT NULL
) STRICT;
INSERT INTO catalogue_identity (one, id) VALUES (1, lower(hex(randomblob(16))));
)sql";

// How often an image was delivered; beside `images`, as counting changes no image. Every change has
// a number, given under the lock of the only row of popularity_changes.
constexpr char kPopularity[] = R"sql(
CREATE TABLE popularity_changes (
  id               INTEGER       NOT NULL PRIMARY KEY,
  last_number      BIGINT        NOT NULL
);
INSERT INTO popularity_changes (id, last_number) VALUES (1, 0);

CREATE TABLE image_popularity (
  image_id         VARCHAR(36)   NOT NULL PRIMARY KEY,
  views            BIGINT        NOT NULL,
  downloads        BIGINT        NOT NULL,
  change_number    BIGINT        NOT NULL
);
CREATE INDEX image_popularity_change ON image_popularity (change_number, image_id);
)sql";

// Direct uploads (services/api/domain/upload_store.h). Beside `images`, whose rows all have their
// bytes: nothing that reads those has to pass over what has not arrived.
constexpr char kUploads[] = R"sql(
CREATE TABLE uploads (
  id               VARCHAR(36)   NOT NULL PRIMARY KEY,
  owner            VARCHAR(255)  NOT NULL,
  title            TEXT          NOT NULL,
  description      TEXT          NOT NULL,
  license          TEXT          NOT NULL,
  visibility       INTEGER       NOT NULL,
  tags             TEXT          NOT NULL,
  attributes       TEXT          NOT NULL,
  filename         TEXT          NOT NULL,
  content_type     TEXT          NOT NULL,
  size_bytes       BIGINT        NOT NULL,
  sha256           BLOB          NOT NULL,
  md5              BLOB          NOT NULL,
  crc32c           BIGINT        NULL,
  allow_duplicate  INTEGER       NOT NULL,
  state            INTEGER       NOT NULL,
  failure          VARCHAR(64)   NOT NULL,
  image_id         VARCHAR(36)   NOT NULL,
  deduplicated     INTEGER       NOT NULL,
  create_time      BIGINT        NOT NULL,
  expire_time      BIGINT        NOT NULL,
  end_time         BIGINT        NULL,
  check_time       BIGINT        NOT NULL,
  checks           INTEGER       NOT NULL,
  incoming_gone    INTEGER       NOT NULL
);
CREATE INDEX uploads_owner ON uploads (owner, id);
CREATE INDEX uploads_open ON uploads (owner, state, size_bytes);
CREATE INDEX uploads_check ON uploads (check_time, id);
)sql";

constexpr Migration kMigrations[] = {
    {1, "catalogue", kCatalogue}, {2, "several_apis", kSeveralApis}, {3, "api_keys", kApiKeys},
    {4, "webhooks", kWebhooks},   {5, "moderation", kModeration},    {6, "popularity", kPopularity},
    {7, "identity", kIdentity},   {8, "uploads", kUploads},
};

}  // namespace

std::span<const Migration> SqliteMigrations() { return kMigrations; }

}  // namespace stockroom::api
