// What can be configured about the file server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/certificates.h"
#include "services/common/base/config.h"

namespace stockroom::fileserver {

struct Options {
  std::string listen = "127.0.0.1:50053";
  std::string http_listen = "127.0.0.1:8090";
  std::string data_dir = "var/fileserver";
  bool allow_anonymous = false;
  bool reflection = false;
  TlsFiles tls;

  int64_t max_blob_bytes = int64_t{1} << 30;
  int64_t max_rendition_bytes = int64_t{64} << 20;
  int64_t max_uploads = 128;
  int64_t max_downloads = 512;
  int64_t reserve_bytes = int64_t{1} << 30;
  int64_t renditions_max_bytes = 0;

  absl::Duration collect_min_untouched = absl::Hours(1);

  absl::Duration scrub_period = absl::Hours(24 * 30);
  int64_t scrub_bytes_per_second = int64_t{16} << 20;
  int64_t scrub_max_damaged = 100;

  int64_t disk_threads = 16;
  int64_t disk_queue = 1024;
  int64_t hash_threads = 2;
  absl::Duration probe_interval = absl::Seconds(5);
  absl::Duration drain_limit = absl::Seconds(20);
  std::string log_level = "info";

  std::string http_public_url;
  std::string http_signing_key_file;
  std::vector<std::string> http_cors_origins;
  TlsFiles http_tls;
  int64_t http_threads = 2;
  int64_t http_max_connections = 1024;
  int64_t http_max_requests = 512;
  int64_t http_max_header_bytes = 16 << 10;
  absl::Duration http_header_deadline = absl::Seconds(10);
  absl::Duration http_idle_timeout = absl::Seconds(60);
  absl::Duration http_stall_timeout = absl::Seconds(30);
  int64_t http_min_bytes_per_second = 1 << 10;
  int64_t http_open_files = 1024;
  int64_t http_open_file_bytes = 16 << 20;
  absl::Duration http_open_file_age = absl::Seconds(10);

  int64_t incoming_max_count = 10'000;
  absl::Duration incoming_max_lifetime = absl::Hours(24 * 7);
  absl::Duration incoming_keep_expired = absl::Hours(24);
  int64_t incoming_max_writers = 128;
  int64_t incoming_max_completions = 4;

  std::string backend = "local";
  std::string s3_url;
  std::string s3_region = "us-east-1";
  std::string s3_style = "auto";
  bool s3_allow_http = false;
  std::string s3_ca_file;
  std::string s3_credentials_file;
  std::string s3_spool_dir = "var/fileserver-spool";
  int64_t s3_part_bytes = 16 << 20;
  int64_t s3_max_connections = 64;
  int64_t s3_attempts = 4;
  absl::Duration s3_connect_timeout = absl::Seconds(5);
  absl::Duration s3_timeout = absl::Seconds(30);
  absl::Duration s3_stall_timeout = absl::Seconds(20);
  int64_t s3_read_ahead_bytes = 4 << 20;
  int64_t s3_read_memory_bytes = 64 << 20;
  bool s3_presign = false;
  std::string s3_public_url;

  bool mirror_wait = false;
  absl::Duration mirror_wait_timeout = absl::Seconds(30);
  int64_t mirror_threads = 8;
  int64_t mirror_max_backlog = 100'000;
  absl::Duration mirror_compare_period = absl::Hours(24 * 7);
};

// Declares every key; what is loaded goes into `options`.
ConfigSchema SchemaFor(Options& options);

// The keys backend and s3.* (options_s3.cc).
void DeclareBackend(ConfigSchema& schema, Options& options);
absl::Status ValidateBackend(const Options& options);

// The keys mirror.* (options_mirror.cc).
void DeclareMirror(ConfigSchema& schema, Options& options);
absl::Status ValidateMirror(const Options& options);

// The keys of the HTTP port besides its address (options_http.cc).
void DeclareHttp(ConfigSchema& schema, Options& options);
absl::Status ValidateHttp(const Options& options);
// Those of direct uploads (options_incoming.cc).
void DeclareIncoming(ConfigSchema& schema, Options& options);
// What signed URLs begin with, without '/' at the end: http.public_url, or else what http.listen
// says. Empty where that is no address that a client could use.
std::string PublicUrlOf(const Options& options);

// INVALID_ARGUMENT or FAILED_PRECONDITION for values that fit one by one but not together.
absl::Status Validate(const Options& options);

}  // namespace stockroom::fileserver
