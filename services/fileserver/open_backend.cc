#include "services/fileserver/open_backend.h"

#include <optional>
#include <utility>

#include "services/common/base/status.h"
#include "services/common/s3/address.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/backends/local_incoming.h"
#include "services/fileserver/backends/mirror_backend.h"
#include "services/fileserver/backends/s3_backend.h"
#include "services/fileserver/backends/s3_incoming.h"
#include "services/fileserver/backends/s3_urls.h"
#include "services/fileserver/store/posix_env.h"

namespace stockroom::fileserver {
namespace {

s3::Style StyleOf(const std::string& name) {
  if (name == "path") return s3::Style::kPath;
  return name == "virtual" ? s3::Style::kVirtual : s3::Style::kAuto;
}

absl::StatusOr<OpenedBackend> OpenS3(const Options& options, Metrics& metrics) {
  OpenedBackend opened;
  SR_ASSIGN_OR_RETURN(
      s3::Address address,
      s3::Address::Parse(options.s3_url, StyleOf(options.s3_style), options.s3_allow_http));
  SR_ASSIGN_OR_RETURN(opened.credentials,
                      s3::CredentialSource::Create(options.s3_credentials_file));
  SR_ASSIGN_OR_RETURN(
      opened.transport,
      s3::CurlTransport::Create({.ca_file = options.s3_ca_file,
                                 .max_connections = static_cast<int>(options.s3_max_connections),
                                 .connect_timeout = options.s3_connect_timeout,
                                 .stall_timeout = options.s3_stall_timeout},
                                metrics));
  opened.client = std::make_unique<s3::Client>(
      s3::Client::Options{.address = std::move(address),
                          .region = options.s3_region,
                          .retry = {.attempts = static_cast<int>(options.s3_attempts)},
                          .timeout = options.s3_timeout},
      *opened.transport, *opened.credentials, metrics);
  S3Backend::Options backend;
  backend.spool_dir = options.s3_spool_dir;
  backend.spool_reserve_bytes = options.reserve_bytes;
  backend.part_bytes = options.s3_part_bytes;
  backend.read.read_ahead = options.s3_read_ahead_bytes;
  backend.read_memory_bytes = options.s3_read_memory_bytes;
  SR_ASSIGN_OR_RETURN(opened.blobs, S3Backend::Open(PosixEnv(), *opened.client, backend, metrics));
  opened.incomings = std::make_unique<S3Incoming>(
      PosixEnv(), *opened.client,
      S3Incoming::Options{.spool_dir = options.s3_spool_dir,
                          .spool_reserve_bytes = options.reserve_bytes});
  if (options.s3_presign) {
    std::optional<s3::Address> seen_as;
    if (!options.s3_public_url.empty()) {
      SR_ASSIGN_OR_RETURN(
          seen_as, s3::Address::Parse(options.s3_public_url, StyleOf(options.s3_style), true));
    }
    opened.direct = std::make_unique<S3Urls>(*opened.client, std::move(seen_as));
  }
  return opened;
}

absl::StatusOr<std::unique_ptr<LocalDisk>> OpenDisk(const Options& options, Metrics& metrics) {
  return LocalDisk::Open(
      PosixEnv(),
      {.directory = options.data_dir,
       .reserve_bytes = options.reserve_bytes,
       .metrics = &metrics,
       .eviction = RenditionEvictor::Options{.max_bytes = options.renditions_max_bytes}});
}

absl::Status OpenIncomings(const Options& options, DirectorySyncs& syncs, OpenedBackend& opened) {
  SR_ASSIGN_OR_RETURN(opened.incomings,
                      LocalIncoming::Open(PosixEnv(), {.data_dir = options.data_dir,
                                                       .reserve_bytes = options.reserve_bytes,
                                                       .syncs = &syncs}));
  return absl::OkStatus();
}

absl::StatusOr<OpenedBackend> OpenLocal(const Options& options, Metrics& metrics) {
  OpenedBackend opened;
  SR_ASSIGN_OR_RETURN(std::unique_ptr<LocalDisk> disk, OpenDisk(options, metrics));
  opened.care = disk.get();
  opened.scrubbed = disk.get();
  DirectorySyncs& syncs = disk->directory_syncs();
  opened.blobs = std::move(disk);
  SR_RETURN_IF_ERROR(OpenIncomings(options, syncs, opened));
  return opened;
}

absl::StatusOr<OpenedBackend> OpenMirror(const Options& options, Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(OpenedBackend opened, OpenS3(options, metrics));
  opened.remote = std::move(opened.blobs);
  SR_ASSIGN_OR_RETURN(std::unique_ptr<LocalDisk> disk, OpenDisk(options, metrics));
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<MirrorBackend> mirror,
      MirrorBackend::Open(PosixEnv(), disk->directory_syncs(), *disk, *disk, *opened.remote,
                          {.backlog = {.directory = options.data_dir + "/mirror",
                                       .max_entries = options.mirror_max_backlog,
                                       .remote = options.s3_url},
                           .wait = options.mirror_wait,
                           .wait_timeout = options.mirror_wait_timeout,
                           .threads = static_cast<int>(options.mirror_threads),
                           .compare_period = options.mirror_compare_period},
                          metrics));
  opened.scrubbed = disk.get();
  DirectorySyncs& syncs = disk->directory_syncs();
  opened.local = std::move(disk);
  opened.care = mirror.get();
  opened.blobs = std::move(mirror);
  SR_RETURN_IF_ERROR(OpenIncomings(options, syncs, opened));
  return opened;
}

}  // namespace

absl::StatusOr<OpenedBackend> OpenBackend(const Options& options, Metrics& metrics) {
  if (options.backend == "s3") return OpenS3(options, metrics);
  if (options.backend == "mirror") return OpenMirror(options, metrics);
  return OpenLocal(options, metrics);
}

}  // namespace stockroom::fileserver
