// stockroom-fileserver: read the configuration, build the parts, run, drain.
#include <algorithm>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "services/common/base/executor.h"
#include "services/common/base/heap.h"
#include "services/common/base/log.h"
#include "services/common/base/metrics.h"
#include "services/common/base/process.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/rpc/server.h"
#include "services/fileserver/care/scrubber.h"
#include "services/fileserver/http/incoming_routes.h"
#include "services/fileserver/http/open_files.h"
#include "services/fileserver/http/operational.h"
#include "services/fileserver/http/stored_routes.h"
#include "services/fileserver/open_backend.h"
#include "services/fileserver/options.h"
#include "services/fileserver/rpc/blob_service.h"
#include "services/fileserver/rpc/care_service.h"
#include "services/fileserver/rpc/incoming_service.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/health_probe.h"
#include "services/fileserver/store/incoming_store.h"
#include "services/fileserver/store/incoming_urls.h"
#include "services/fileserver/store/posix_env.h"
#include "services/fileserver/store/rendition_store.h"
#include "services/fileserver/store/signing_key.h"
#include "services/fileserver/store/slots.h"

namespace stockroom::fileserver {
namespace {

// What an upload may be ahead of the disk and the hashes, whatever its size. Over a network of 4 ms
// that is 1 GB/s a stream.
constexpr int kStreamWindowBytes = 4 << 20;

// Of freed memory, in each of the heaps that the threads of `disk` share: a download's pieces,
// which otherwise cost faults again and again. With 4 MiB eight downloads at once left 82 MB
// resident instead of 55.
constexpr size_t kKeptBytes = 2 << 20;

absl::StatusOr<UrlSigner> SignerOf(const Options& options) {
  if (options.http_signing_key_file.empty()) {
    if (options.backend != "s3") return MakeOrReadSigningKey(PosixEnv(), options.data_dir);
    LogWarning("signed URLs work at this replica only: name one http.signing_key_file for all");
    return MakeOrReadSigningKey(PosixEnv(), options.s3_spool_dir);
  }
  return ReadSigningKeys(options.http_signing_key_file);
}

http::ServerOptions HttpOptionsOf(const Options& options) {
  return {.listen = options.http_listen,
          .threads = static_cast<int>(options.http_threads),
          .max_header_bytes = options.http_max_header_bytes,
          .header_deadline = options.http_header_deadline,
          .idle_timeout = options.http_idle_timeout,
          .body_idle_timeout = options.http_stall_timeout,
          .write_idle_timeout = options.http_stall_timeout,
          .min_bytes_per_second = options.http_min_bytes_per_second,
          .tls = options.http_tls,
          .tls_use = "http",
          .max_connections = static_cast<int>(options.http_max_connections),
          .max_requests_in_flight = static_cast<int>(options.http_max_requests),
          .cors = {.origins = options.http_cors_origins}};
}

// Whether somebody uploads or downloads now.
std::function<bool()> TransfersOf(Metrics& metrics) {
  std::vector<Gauge*> running;
  for (const char* kind :
       {"blob upload", "blob download", "rendition upload", "rendition download"}) {
    running.push_back(&Slots::RunningGauge(kind, metrics));
  }
  return [running] {
    return std::any_of(running.begin(), running.end(), [](Gauge* g) { return g->value() > 0; });
  };
}

absl::Status Serve(const Options& options) {
  SR_RETURN_IF_ERROR(Validate(options));
  KeepFreedMemory(kKeptBytes);
  Metrics metrics;
  SR_ASSIGN_OR_RETURN(const OpenedBackend backend, OpenBackend(options, metrics));
  Executor hashing({.name = "hash",
                    .threads = static_cast<int>(options.hash_threads),
                    .max_queued = static_cast<int>(options.disk_queue)},
                   metrics);
  BlobStore blobs(*backend.blobs,
                  {.max_blob_bytes = options.max_blob_bytes,
                   .max_uploads = options.max_uploads,
                   .max_downloads = options.max_downloads,
                   .min_untouched = options.collect_min_untouched,
                   .hashing = &hashing},
                  metrics);
  RenditionStore renditions(*backend.blobs,
                            {.max_rendition_bytes = options.max_rendition_bytes,
                             .max_uploads = options.max_uploads,
                             .max_downloads = options.max_downloads},
                            metrics);
  IncomingStore incomings(*backend.incomings, blobs,
                          {.max_bytes = options.max_blob_bytes,
                           .max_count = options.incoming_max_count,
                           .max_lifetime = options.incoming_max_lifetime,
                           .keep_expired = options.incoming_keep_expired,
                           .max_writers = options.incoming_max_writers,
                           .max_completions = options.incoming_max_completions},
                          metrics);
  SR_RETURN_IF_ERROR(incomings.Start());
  SR_ASSIGN_OR_RETURN(const UrlSigner signer, SignerOf(options));
  const BlobUrls blob_urls(signer, PublicUrlOf(options), backend.direct.get());
  const IncomingUrls incoming_urls(signer, blob_urls, backend.direct.get());
  Executor executor({.name = "disk",
                     .threads = static_cast<int>(options.disk_threads),
                     .max_queued = static_cast<int>(options.disk_queue)},
                    metrics);
  const std::unique_ptr<grpc::Service> service =
      MakeBlobService(blobs, renditions, executor, rpc::DeadlinePolicy{});
  const std::unique_ptr<grpc::Service> incoming_service =
      MakeIncomingService({.store = incomings,
                           .incoming_urls = incoming_urls,
                           .blob_urls = blob_urls,
                           .disk = executor},
                          rpc::DeadlinePolicy{});
  std::vector<grpc::Service*> services = {service.get(), incoming_service.get()};
  std::unique_ptr<Scrubber> scrubber;
  std::unique_ptr<grpc::Service> care_service;
  if (backend.care != nullptr) {
    scrubber = std::make_unique<Scrubber>(
        Scrubber::Options{.period = options.scrub_period,
                          .bytes_per_second = options.scrub_bytes_per_second,
                          .max_damaged = static_cast<int>(options.scrub_max_damaged),
                          .busy = TransfersOf(metrics)},
        *backend.scrubbed, *backend.care, metrics);
    care_service =
        MakeCareService(*scrubber, *backend.blobs, *backend.care, executor, rpc::DeadlinePolicy{});
    services.push_back(care_service.get());
  }
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> tls,
                      rpc::TlsCertificates::Start(options.tls, {.use = "internal"}, metrics));
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server,
                      rpc::Server::Start({.listen = options.listen,
                                          .reflection = options.reflection,
                                          .stream_window_bytes = kStreamWindowBytes,
                                          .tls = tls},
                                         services));
  HealthProbe probe(
      *backend.blobs, options.probe_interval,
      [&server](const absl::Status& status) { server->SetServing(status.ok()); }, metrics);
  OpenFiles open_files({.max_files = options.http_open_files,
                        .max_bytes = options.http_open_file_bytes,
                        .max_age = options.http_open_file_age},
                       metrics);
  http::Router router;
  SR_RETURN_IF_ERROR(MountStored(router, {.blobs = blobs,
                                          .renditions = renditions,
                                          .signer = signer,
                                          .files = open_files,
                                          .disk = executor}));
  SR_RETURN_IF_ERROR(MountIncoming(router, {.store = incomings,
                                            .urls = incoming_urls,
                                            .disk = executor,
                                            .cors = {.origins = options.http_cors_origins},
                                            .max_bytes = options.max_blob_bytes}));
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<http::Server> http,
                      StartHttp(HttpOptionsOf(options), std::move(router), probe, metrics));
  if (scrubber != nullptr) scrubber->Start();
  LogInfo("file server runs",
          {{"grpc_port", server->port()},
           {"http_port", http->port()},
           {"data", options.backend == "s3" ? options.s3_url : options.data_dir}});

  const int signal = WaitForStopSignal();
  LogInfo("file server stops", {{"signal", signal}});
  const DrainWatchdog watchdog(options.drain_limit + absl::Seconds(10));
  // Before the loops, which may wait for a store that does not answer. Both at once, so that
  // neither takes new work while the other finishes; both use the executor.
  std::thread http_drain([&] { http->Drain(options.drain_limit); });
  server->Drain(options.drain_limit);
  http_drain.join();
  if (scrubber != nullptr) scrubber->Stop();
  probe.Stop();
  incomings.Stop();
  executor.Shutdown();
  return absl::OkStatus();
}

}  // namespace
}  // namespace stockroom::fileserver

int main(int argc, char** argv) {
  stockroom::fileserver::Options options;
  const stockroom::ConfigSchema schema = stockroom::fileserver::SchemaFor(options);
  return stockroom::ServiceMain(schema, options.log_level, argc, argv, [&](const std::string&) {
    return stockroom::fileserver::Serve(options);
  });
}
