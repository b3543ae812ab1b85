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
  std::vector<std::string> upload_origins;
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
  bool allow_svg = false;
  int64_t max_uploads_in_flight = 256;
  int64_t max_pixels = 100'000'000;
  int64_t max_rendition_bytes = int64_t{64} << 20;
  double requests_per_second = 0;
  int64_t request_burst = 0;
  int64_t owner_max_images = 0;
  int64_t owner_max_bytes = 0;

  std::vector<std::pair<std::string, std::string>> presets = {
      {"thumb-150", "fit=150x150/format=auto/q=80"},
      {"thumb-320", "fit=320x320/format=auto/q=80"},
      {"thumb-720", "fit=720x720/format=auto/q=80"}};

  std::vector<std::string> ladder_sides = {"auto"};

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

  std::string search_folder;
  absl::Duration search_checkpoint_every = absl::Minutes(5);
  int64_t search_memory_budget_bytes = 0;
  absl::Duration popularity_interval = absl::Seconds(5);
  int64_t popularity_max_images = 65'536;

  int64_t delivery_cache_bytes = 256 << 20;
  std::vector<std::pair<std::string, std::string>> delivery_presets;
  std::string delivery_unsigned = "local";
  std::string delivery_signing_key_file;
  std::vector<std::pair<std::string, std::string>> delivery_watermarks;
  int64_t delivery_max_result_pixels = 25'000'000;
  int64_t delivery_max_quality = 95;
  bool delivery_avif = false;
  bool delivery_client_hints = false;
  absl::Duration delivery_max_age = absl::Seconds(60);
  int64_t delivery_max_renders = 256;
  int64_t delivery_max_waiting = 384;
  absl::Duration delivery_render_timeout = absl::Seconds(30);

  bool uploads_direct = true;
  absl::Duration uploads_expiry = absl::Hours(24);
  int64_t uploads_max_open = 1000;
  int64_t uploads_max_completing = 32;
  absl::Duration uploads_reconcile_after = absl::Minutes(1);
  absl::Duration uploads_reconcile_poll = absl::Seconds(5);
  absl::Duration uploads_keep_ended = absl::Hours(24);
  absl::Duration uploads_max_url_lifetime = absl::Hours(24 * 7);

  bool webhooks_allow_http = false;
  std::vector<std::string> webhooks_allow_networks;
  std::string webhooks_ca_file;
  std::vector<std::string> webhooks_retry_delays = {"5s", "5m", "30m", "2h", "5h", "8h", "8h"};
  absl::Duration webhooks_attempt_timeout = absl::Seconds(15);
  int64_t webhooks_concurrency = 4;
  int64_t webhooks_max_webhooks = 100;
  int64_t webhooks_max_pending = 10'000;
  absl::Duration webhooks_log_retention = absl::Hours(24 * 7);

  std::string moderation_hook_url;
  std::string moderation_hook_ca_file;
  std::string moderation_hook_secret_file;
  std::string moderation_hook_policy = "flag";
  absl::Duration moderation_hook_patience = absl::Seconds(10);
  int64_t moderation_hook_concurrency = 8;
  int64_t moderation_min_quality = 50;
  int64_t moderation_max_hashes = 100'000;
  absl::Duration moderation_poll = absl::Seconds(1);

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
// The same of any map; `option` is its key.
absl::StatusOr<std::vector<NamedRecipe>> ParsePresets(
    const std::string& option, const std::vector<std::pair<std::string, std::string>>& given);
// Those that are made when first asked for.
absl::StatusOr<std::vector<NamedRecipe>> LaterPresetsOf(const Options& options);

// Part of SchemaFor.
void DeclareDelivery(ConfigSchema& schema, Options& options);
void DeclareSearch(ConfigSchema& schema, Options& options);
void DeclareUploads(ConfigSchema& schema, Options& options);

// ladder.sides: the longest sides of the rungs made at upload. INVALID_ARGUMENT names a bad one.
absl::StatusOr<std::vector<int>> LadderSidesOf(const Options& options,
                                               const std::vector<NamedRecipe>& presets);

}  // namespace stockroom::api
