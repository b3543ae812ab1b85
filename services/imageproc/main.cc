// stockroom-imageproc: read the configuration, build the parts, run, drain.
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/metrics.h"
#include "services/common/base/process.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/http/server.h"
#include "services/common/rpc/server.h"
#include "services/imageproc/core/job_runner.h"
#include "services/imageproc/options.h"
#include "services/imageproc/rpc/work_service.h"
#include "services/imageproc/sandbox/decoder_pool.h"

namespace stockroom::imageproc {
namespace {

absl::StatusOr<std::unique_ptr<http::Server>> StartHttp(const Options& options,
                                                        const DecoderPool& decoders,
                                                        const std::atomic<bool>& draining,
                                                        Metrics& metrics) {
  http::Router router;
  SR_RETURN_IF_ERROR(http::MountOperational(router, metrics, [&decoders, &draining] {
    std::vector<std::string> reasons;
    if (decoders.zygote_pid() == 0) reasons.emplace_back("decoders: can not be started");
    if (draining) reasons.emplace_back("draining");
    return reasons;
  }));
  http::ServerOptions server;
  server.listen = options.http_listen;
  return http::Server::Start(server, std::move(router), metrics);
}

absl::Status Serve(const Options& options) {
  SR_RETURN_IF_ERROR(Validate(options));
  Metrics metrics;
  const int decoders_at_once = DecodersOf(options);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<DecoderPool> decoders,
                      DecoderPool::Start({.path = options.decoder_path,
                                          .concurrent = decoders_at_once,
                                          .spares = static_cast<int>(options.decoder_spares),
                                          .memory_bytes = options.decoder_memory_bytes},
                                         metrics));
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> tls,
                      rpc::TlsCertificates::Start(options.tls, {.use = "internal"}, metrics));
  RemoteBlobClient blobs({.target = options.fileserver_address,
                          .connections = static_cast<int>(options.fileserver_connections),
                          .tls = {tls, options.fileserver_tls_name}},
                         metrics);
  JobRunner runner(
      blobs, *decoders,
      {.max_original_bytes = options.max_original_bytes, .max_pixels = options.max_pixels},
      metrics);
  const std::string worker_id = NewRandomId();
  WorkService service({.worker_id = worker_id,
                       .version = STOCKROOM_VERSION,
                       .slots = decoders_at_once + static_cast<int>(options.prefetch),
                       .credit_ttl = options.credit_ttl,
                       .max_job_time = options.max_job_time},
                      runner, metrics);
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Server> server,
      rpc::Server::Start({.listen = options.listen, .reflection = options.reflection, .tls = tls},
                         {&service}));
  std::atomic<bool> draining = false;
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<http::Server> http,
                      StartHttp(options, *decoders, draining, metrics));
  server->SetServing(true);
  LogInfo("worker runs", {{"worker", worker_id},
                          {"grpc_port", server->port()},
                          {"http_port", http->port()},
                          {"decoders", decoders_at_once}});

  const int signal = WaitForStopSignal();
  LogInfo("worker drains", {{"signal", signal}, {"running", service.running_jobs()}});
  const DrainWatchdog watchdog(options.drain_limit + absl::Seconds(20));
  draining = true;
  server->SetServing(false);
  service.Drain(options.drain_limit);
  server->Drain(absl::Seconds(2));
  http->Drain(absl::Seconds(1));
  LogInfo("worker has stopped", {{"worker", worker_id}});
  return absl::OkStatus();
}

}  // namespace
}  // namespace stockroom::imageproc

int main(int argc, char** argv) {
  stockroom::imageproc::Options options;
  const stockroom::ConfigSchema schema = stockroom::imageproc::SchemaFor(options);
  return stockroom::ServiceMain(schema, options.log_level, argc, argv, [&](const std::string&) {
    return stockroom::imageproc::Serve(options);
  });
}
