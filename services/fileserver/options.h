// What can be configured about the file server.
#pragma once

#include <cstdint>
#include <string>

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

  absl::Duration collect_min_untouched = absl::Hours(1);

  int64_t disk_threads = 16;
  int64_t disk_queue = 1024;
  absl::Duration probe_interval = absl::Seconds(5);
  absl::Duration drain_limit = absl::Seconds(20);
  std::string log_level = "info";
};

// Declares every key; what is loaded goes into `options`.
ConfigSchema SchemaFor(Options& options);

// INVALID_ARGUMENT or FAILED_PRECONDITION for values that fit one by one but not together.
absl::Status Validate(const Options& options);

}  // namespace stockroom::fileserver
