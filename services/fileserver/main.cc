// stockroom-fileserver: read the configuration, build the parts, run, drain.
#include <utility>

#include "services/common/base/executor.h"
#include "services/common/base/log.h"
#include "services/common/base/metrics.h"
#include "services/common/base/process.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/rpc/server.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/http/operational.h"
#include "services/fileserver/options.h"
#include "services/fileserver/rpc/blob_service.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/health_probe.h"
#include "services/fileserver/store/posix_env.h"
#include "services/fileserver/store/rendition_store.h"

namespace stockroom::fileserver {
namespace {

absl::Status Serve(const Options& options) {
  SR_RETURN_IF_ERROR(Validate(options));
  Metrics metrics;
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<LocalDisk> disk,
                      LocalDisk::Open(PosixEnv(), {.directory = options.data_dir,
                                                   .reserve_bytes = options.reserve_bytes}));
  BlobStore blobs(*disk,
                  {.max_blob_bytes = options.max_blob_bytes,
                   .max_uploads = options.max_uploads,
                   .max_downloads = options.max_downloads,
                   .min_untouched = options.collect_min_untouched},
                  metrics);
  RenditionStore renditions(*disk,
                            {.max_rendition_bytes = options.max_rendition_bytes,
                             .max_uploads = options.max_uploads,
                             .max_downloads = options.max_downloads},
                            metrics);
  Executor executor({.name = "disk",
                     .threads = static_cast<int>(options.disk_threads),
                     .max_queued = static_cast<int>(options.disk_queue)},
                    metrics);
  const std::unique_ptr<grpc::Service> service =
      MakeBlobService(blobs, renditions, executor, rpc::DeadlinePolicy{});
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> tls,
                      rpc::TlsCertificates::Start(options.tls, {.use = "internal"}, metrics));
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Server> server,
      rpc::Server::Start({.listen = options.listen, .reflection = options.reflection, .tls = tls},
                         {service.get()}));
  HealthProbe probe(
      *disk, options.probe_interval,
      [&server](const absl::Status& status) { server->SetServing(status.ok()); }, metrics);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<http::Server> http,
                      StartHttp(options.http_listen, probe, metrics));
  LogInfo("file server runs",
          {{"grpc_port", server->port()}, {"http_port", http->port()}, {"data", options.data_dir}});

  const int signal = WaitForStopSignal();
  LogInfo("file server stops", {{"signal", signal}});
  const DrainWatchdog watchdog(options.drain_limit + absl::Seconds(10));
  probe.Stop();
  server->Drain(options.drain_limit);
  executor.Shutdown();
  http->Drain(absl::Seconds(1));
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
