// What can be configured about an imageproc worker.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/certificates.h"
#include "services/common/base/config.h"

namespace stockroom::imageproc {

struct Options {
  std::string listen = "127.0.0.1:50061";
  std::string http_listen = "127.0.0.1:8091";
  bool allow_anonymous = false;
  bool reflection = false;
  TlsFiles tls;

  std::string fileserver_address = "127.0.0.1:50053";
  int64_t fileserver_connections = 2;
  std::string fileserver_tls_name;

  int64_t decoders = 0;
  int64_t prefetch = 1;
  absl::Duration credit_ttl = absl::Seconds(2);
  int64_t render_slots = 1;
  int64_t slots_memory_bytes = int64_t{2} << 30;

  absl::Duration render_max_wait = absl::Seconds(5);
  int64_t render_max_waiting = 128;
  int64_t render_max_held_bytes = int64_t{512} << 20;
  absl::Duration render_expensive = absl::Milliseconds(100);

  std::string decoder_path;
  int64_t decoder_spares = 2;
  int64_t decoder_memory_bytes = int64_t{1} << 30;
  std::string decoder_walls = "available";
  std::string decoder_wide_path;
  int64_t decoder_wide_spares = 1;
  int64_t decoder_lasting_uses = 500;
  int64_t decoder_lasting_bytes = int64_t{256} << 20;

  int64_t max_original_bytes = int64_t{256} << 20;
  int64_t max_pixels = 100'000'000;
  int64_t max_rendition_bytes = int64_t{64} << 20;
  bool allow_svg = false;
  absl::Duration max_decode_time = absl::Seconds(9);
  absl::Duration max_job_time = absl::Minutes(10);

  absl::Duration drain_limit = absl::Seconds(30);
  std::string log_level = "info";
};

// Declares every key; what is loaded goes into `options`.
ConfigSchema SchemaFor(Options& options);

// Jobs that decode at one time: as configured, or one for each core. Renders have render_slots on
// top.
int DecodersOf(const Options& options);

// INVALID_ARGUMENT or FAILED_PRECONDITION for values that fit one by one but not together.
absl::Status Validate(const Options& options);

}  // namespace stockroom::imageproc
