// What can be configured about the api.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/roles.h"
#include "services/api/domain/worker_pool.h"
#include "services/common/base/certificates.h"
#include "services/common/base/config.h"

namespace stockroom::api {

struct Options {
  std::string rpc_listen = "127.0.0.1:50051";
  bool reflection = false;
  TlsFiles rpc_tls;
  std::string http_listen = "127.0.0.1:8080";
  int64_t http_threads = 2;
  int64_t http_max_connections = 2048;
  int64_t http_min_bytes_per_second = 1 << 10;
  TlsFiles http_tls;
  std::vector<std::string> cors_origins;
  std::vector<std::string> gateway_hosts;
  std::string web_root;
  bool allow_anonymous = false;

  std::string auth_anonymous = "everything";
  std::string auth_admin_key_file;
  std::string jwt_issuer;
  std::vector<std::string> jwt_audiences;
  std::string jwt_keys;
  std::string jwt_keys_ca;
  absl::Duration jwt_clock_skew = absl::Seconds(30);
  absl::Duration jwt_max_lifetime = absl::ZeroDuration();
  std::string jwt_roles_claim = "roles";
  std::vector<std::pair<std::string, std::string>> jwt_roles;
  std::string jwt_default_role = "viewer";
  std::vector<std::pair<std::string, std::string>> jwt_attributes;

  std::string database_driver = "sqlite";
  std::string database_path = "var/api/stockroom.db";
  std::string database_host = "127.0.0.1";
  int64_t database_port = 3306;
  std::string database_socket;
  std::string database_name = "stockroom";
  std::string database_user = "stockroom";
  std::string database_password_file;
  std::string database_tls = "off";
  std::string database_tls_ca;
  int64_t database_connections = 16;
  absl::Duration database_patience = absl::Seconds(5);
  bool database_allow_unsafe = false;

  std::string fileserver_address = "127.0.0.1:50053";
  int64_t fileserver_connections = 2;
  std::string fileserver_tls_name;
  TlsFiles tls;

  std::vector<std::string> worker_addresses = {"127.0.0.1:50061"};
  int64_t worker_streams = 2;
  std::string worker_tls_name;
  absl::Duration worker_lookup_every = absl::Seconds(5);

  int64_t max_upload_bytes = 200 << 20;
  int64_t max_uploads_in_flight = 256;
  int64_t max_pixels = 100'000'000;
  double requests_per_second = 0;
  int64_t request_burst = 0;
  int64_t owner_max_images = 0;
  int64_t owner_max_bytes = 0;

  std::vector<std::pair<std::string, std::string>> presets = {
      {"thumb-150", "fit=150x150/format=auto/q=80"},
      {"thumb-320", "fit=320x320/format=auto/q=80"},
      {"thumb-720", "fit=720x720/format=auto/q=80"}};

  absl::Duration job_deadline = absl::Seconds(60);
  absl::Duration job_lease = absl::Seconds(60);
  int64_t job_max_decoder_deaths = 3;
  int64_t job_max_worker_losses = 10;
  int64_t job_max_attempts = 100;

  absl::Duration feed_poll = absl::Milliseconds(50);
  absl::Duration feed_retention = absl::Hours(24 * 7);
  int64_t max_watchers = 1000;
  absl::Duration idempotency_retention = absl::Hours(24);

  absl::Duration collector_grace = absl::Hours(24);
  absl::Duration collector_interval = absl::Hours(1);
  int64_t collector_deletes_per_second = 50;
  absl::Duration remake_timeout = absl::Seconds(20);

  bool webhooks_allow_http = false;
  std::vector<std::string> webhooks_allow_networks;
  std::string webhooks_ca_file;
  std::vector<std::string> webhooks_retry_delays = {"5s", "5m", "30m", "2h", "5h", "8h", "8h"};
  absl::Duration webhooks_attempt_timeout = absl::Seconds(15);
  int64_t webhooks_concurrency = 4;
  int64_t webhooks_max_webhooks = 100;
  int64_t webhooks_max_pending = 10'000;
  absl::Duration webhooks_log_retention = absl::Hours(24 * 7);

  int64_t executor_threads = 8;
  int64_t executor_queue = 1024;
  absl::Duration drain_limit = absl::Seconds(20);
  std::string log_level = "info";
};

// Declares every key; what is loaded goes into `options`.
ConfigSchema SchemaFor(Options& options);

// INVALID_ARGUMENT for values that fit one by one but not together.
absl::Status Validate(const Options& options);

// auth.jwt_roles. INVALID_ARGUMENT names what is no role.
absl::StatusOr<std::vector<std::pair<std::string, Role>>> JwtRolesOf(const Options& options);

// What callers may do that show nothing.
Scopes ScopesOfStrangers(const Options& options);

// The presets with canonical recipes, largest name first as configured. INVALID_ARGUMENT names a
// bad one.
absl::StatusOr<std::vector<NamedRecipe>> PresetsOf(const Options& options);

}  // namespace stockroom::api
