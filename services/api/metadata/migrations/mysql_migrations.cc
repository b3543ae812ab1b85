#include "services/api/metadata/migrations/mysql_migrations.h"

namespace stockroom::api {
namespace {

// Times are microseconds since 1970 (UTC). Lists and maps are JSON text: nothing is ever asked of
// their insides here. States and visibilities are the numbers of services/api/domain/image.h.
// Names that people choose are VARBINARY, as MySQL's text comparison ignores spaces at the end.
//
// images.claims_bytes: 1 for the image that later uploads of the same bytes by the same owner are
// taken for, NULL for those made by allow_duplicate; the unique key lets one of two uploads at the
// same time win.
//
// jobs: the primary key is the order of leasing, and there is no other key on what leasing changes:
// with one, concurrent leases deadlock (MySQL bug 111637).
//
// events.seq: NULL until numbered (feed_sequencer.h). feed_head has one row.
constexpr char kCatalogue[] = R"sql(
CREATE TABLE IF NOT EXISTS images (
  id             VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  owner          VARBINARY(255) NOT NULL,
  title          TEXT           NOT NULL,
  description    MEDIUMTEXT     NOT NULL,
  license        TEXT           NOT NULL,
  visibility     INTEGER        NOT NULL,
  state          INTEGER        NOT NULL,
  failure_reason TEXT           NOT NULL,
  filename       TEXT           NOT NULL,
  sha256         BINARY(32)     NOT NULL,
  md5            BINARY(16)     NOT NULL,
  size_bytes     BIGINT         NOT NULL,
  width          INTEGER        NOT NULL,
  height         INTEGER        NOT NULL,
  format         VARCHAR(32)    NOT NULL,
  media_type     VARCHAR(64)    NOT NULL,
  frames         INTEGER        NOT NULL,
  taken_time     BIGINT         NULL,
  analysis       MEDIUMTEXT     NOT NULL,
  tags           MEDIUMTEXT     NOT NULL,
  attributes     MEDIUMTEXT     NOT NULL,
  renditions     MEDIUMTEXT     NOT NULL,
  create_time    BIGINT         NOT NULL,
  update_time    BIGINT         NOT NULL,
  revision       BIGINT         NOT NULL,
  quarantined    INTEGER        NOT NULL,
  work_plan      VARCHAR(64)    NOT NULL,
  claims_bytes   TINYINT        NULL,
  UNIQUE KEY images_owner_sha256 (owner, sha256, claims_bytes),
  KEY images_newest (create_time, id),
  KEY images_sha256 (sha256),
  KEY images_md5 (md5)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobs (
  id             VARCHAR(40)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  image_id       VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  request_id     VARCHAR(64)    NOT NULL,
  attempt        INTEGER        NOT NULL,
  token          BIGINT         NOT NULL,
  leased         INTEGER        NOT NULL,
  lease_holder   VARCHAR(255)   NOT NULL,
  available_time BIGINT         NOT NULL,
  create_time    BIGINT         NOT NULL,
  decoder_deaths INTEGER        NOT NULL,
  worker_losses  INTEGER        NOT NULL,
  UNIQUE KEY jobs_image (image_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS events (
  row_id         BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
  seq            BIGINT         NULL,
  id             VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type           VARCHAR(32)    NOT NULL,
  image_id       VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  revision       BIGINT         NOT NULL,
  time           BIGINT         NOT NULL,
  owner          VARBINARY(255) NOT NULL,
  visibility     INTEGER        NOT NULL,
  UNIQUE KEY events_seq (seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS feed_head (
  id             INTEGER        NOT NULL PRIMARY KEY,
  next_seq       BIGINT         NOT NULL,
  trimmed        BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO feed_head (id, next_seq, trimmed) VALUES (1, 1, 0);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  owner          VARBINARY(255) NOT NULL,
  name           VARBINARY(255) NOT NULL,
  token          BIGINT         NOT NULL,
  reserved_until BIGINT         NOT NULL,
  answered       INTEGER        NOT NULL,
  fingerprint    VARBINARY(32)  NOT NULL,
  answer         MEDIUMBLOB     NOT NULL,
  create_time    BIGINT         NOT NULL,
  PRIMARY KEY (owner, name),
  KEY idempotency_keys_oldest (create_time)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leases (
  name           VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  holder         VARCHAR(255)   NOT NULL,
  until_time     BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

// A time of 0 is none.
constexpr char kApiKeys[] = R"sql(
CREATE TABLE IF NOT EXISTS api_keys (
  id             VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  prefix         VARCHAR(16)    NOT NULL,
  secret_hash    VARBINARY(32)  NOT NULL,
  subject        VARCHAR(255)   NOT NULL,
  role           INTEGER        NOT NULL,
  scopes         INTEGER        NOT NULL,
  label          VARCHAR(255)   NOT NULL,
  create_time    BIGINT         NOT NULL,
  expire_time    BIGINT         NOT NULL,
  revoke_time    BIGINT         NOT NULL,
  UNIQUE KEY api_keys_hash (secret_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

// webhook_deliveries: one row for each webhook and event. state: 1 pending, 2 delivered, 3 dead.
// available_time is that of the next attempt, or the end of the lease; rows are leased by their
// primary key, so that the key on it deadlocks nobody. Secrets are readable, as they have to sign.
constexpr char kWebhooks[] = R"sql(
CREATE TABLE IF NOT EXISTS webhooks (
  id                VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  url               TEXT           NOT NULL,
  types             TEXT           NOT NULL,
  filter_tags       TEXT           NOT NULL,
  filter_owner      VARBINARY(255) NOT NULL,
  label             TEXT           NOT NULL,
  disabled          INTEGER        NOT NULL,
  disabled_reason   TEXT           NOT NULL,
  creator           VARBINARY(255) NOT NULL,
  sees_all          INTEGER        NOT NULL,
  after_position    BIGINT         NOT NULL,
  secret            VARBINARY(64)  NOT NULL,
  old_secret        VARBINARY(64)  NOT NULL,
  old_secret_until  BIGINT         NOT NULL,
  create_time       BIGINT         NOT NULL,
  update_time       BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS webhook_reader (
  id                INTEGER        NOT NULL PRIMARY KEY,
  position          BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO webhook_reader (id, position) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS webhook_deliveries (
  webhook_id        VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_id          VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type              VARCHAR(32)    NOT NULL,
  image_id          VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner             VARBINARY(255) NOT NULL,
  revision          BIGINT         NOT NULL,
  event_time        BIGINT         NOT NULL,
  state             INTEGER        NOT NULL,
  attempts          INTEGER        NOT NULL,
  tries             INTEGER        NOT NULL,
  last_status       INTEGER        NOT NULL,
  last_error        TEXT           NOT NULL,
  last_attempt_time BIGINT         NULL,
  available_time    BIGINT         NOT NULL,
  create_time       BIGINT         NOT NULL,
  queue_time        BIGINT         NOT NULL,
  token             BIGINT         NOT NULL,
  PRIMARY KEY (webhook_id, event_id),
  KEY webhook_deliveries_due (webhook_id, state, available_time),
  KEY webhook_deliveries_state (webhook_id, state, event_id),
  KEY webhook_deliveries_oldest (queue_time)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

// block_list: one row. Its version grows with every change of the list; images up to sweep_cursor
// are checked against the hashes after version sweep_done up to sweep_target (0: no sweep runs).
// moderated_images: those that moderation dealt with; approved_version: of the list when a person
// approved. moderation_decisions outlive their images.
constexpr char kModeration[] = R"sql(
CREATE TABLE IF NOT EXISTS block_list (
  id               INTEGER        NOT NULL PRIMARY KEY,
  version          BIGINT         NOT NULL,
  sweep_done       BIGINT         NOT NULL,
  sweep_target     BIGINT         NOT NULL,
  sweep_cursor     VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO block_list (id, version, sweep_done, sweep_target, sweep_cursor)
VALUES (1, 0, 0, 0, '');

CREATE TABLE IF NOT EXISTS blocked_hashes (
  hash             VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  threshold        INTEGER        NOT NULL,
  label            TEXT           NOT NULL,
  note             TEXT           NOT NULL,
  creator          VARBINARY(255) NOT NULL,
  create_time      BIGINT         NOT NULL,
  version          BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS moderated_images (
  image_id         VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  state            INTEGER        NOT NULL,
  approved_version BIGINT         NULL,
  KEY moderated_images_state (state, image_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS moderation_decisions (
  id               VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  image_id         VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  image_owner      VARBINARY(255) NOT NULL,
  time             BIGINT         NOT NULL,
  decided_by       INTEGER        NOT NULL,
  who              VARBINARY(255) NOT NULL,
  from_state       INTEGER        NOT NULL,
  to_state         INTEGER        NOT NULL,
  reason           TEXT           NOT NULL,
  hash             VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  distance         INTEGER        NOT NULL,
  labels           TEXT           NOT NULL,
  revision         BIGINT         NOT NULL,
  KEY moderation_decisions_image (image_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

// Unlike any other database's, so that nothing derived from one is taken for another's.
constexpr char kIdentity[] = R"sql(
CREATE TABLE IF NOT EXISTS catalogue_identity (
  one              INTEGER        NOT NULL PRIMARY KEY,
  id               VARCHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO catalogue_identity (one, id) VALUES (1, UUID());
)sql";

// How often an image was delivered; beside `images`, as counting changes no image. Every change has
// a number, given under the lock of the only row of popularity_changes.
constexpr char kPopularity[] = R"sql(
CREATE TABLE IF NOT EXISTS popularity_changes (
  id               INTEGER       NOT NULL PRIMARY KEY,
  last_number      BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO popularity_changes (id, last_number) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS image_popularity (
  image_id         VARCHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  views            BIGINT        NOT NULL,
  downloads        BIGINT        NOT NULL,
  change_number    BIGINT        NOT NULL,
  KEY image_popularity_change (change_number, image_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

// Direct uploads (services/api/domain/upload_store.h). Beside `images`, whose rows all have their
// bytes: nothing that reads those has to pass over what has not arrived.
constexpr char kUploads[] = R"sql(
CREATE TABLE IF NOT EXISTS uploads (
  id               VARCHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  owner            VARBINARY(255) NOT NULL,
  title            TEXT          NOT NULL,
  description      MEDIUMTEXT    NOT NULL,
  license          TEXT          NOT NULL,
  visibility       INTEGER       NOT NULL,
  tags             MEDIUMTEXT    NOT NULL,
  attributes       MEDIUMTEXT    NOT NULL,
  filename         TEXT          NOT NULL,
  content_type     TEXT          NOT NULL,
  size_bytes       BIGINT        NOT NULL,
  sha256           VARBINARY(32) NOT NULL,
  md5              VARBINARY(16) NOT NULL,
  crc32c           BIGINT        NULL,
  allow_duplicate  INTEGER       NOT NULL,
  state            INTEGER       NOT NULL,
  failure          VARCHAR(64)   NOT NULL,
  image_id         VARCHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  deduplicated     INTEGER       NOT NULL,
  create_time      BIGINT        NOT NULL,
  expire_time      BIGINT        NOT NULL,
  end_time         BIGINT        NULL,
  check_time       BIGINT        NOT NULL,
  checks           INTEGER       NOT NULL,
  incoming_gone    INTEGER       NOT NULL,
  KEY uploads_owner (owner, id),
  KEY uploads_open (owner, state, size_bytes),
  KEY uploads_check (check_time, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
)sql";

constexpr Migration kMigrations[] = {
    {1, "catalogue", kCatalogue},   {2, "api_keys", kApiKeys},      {3, "webhooks", kWebhooks},
    {4, "moderation", kModeration}, {5, "popularity", kPopularity}, {6, "identity", kIdentity},
    {7, "uploads", kUploads},
};

}  // namespace

std::span<const Migration> MysqlMigrations() { return kMigrations; }

}  // namespace stockroom::api
