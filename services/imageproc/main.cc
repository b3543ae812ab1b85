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
#include "services/imageproc/core/admission.h"
#include "services/imageproc/core/background_store.h"
#include "services/imageproc/core/job_runner.h"
#include "services/imageproc/core/renderer.h"
#include "services/imageproc/core/rendition_maker.h"
#include "services/imageproc/options.h"
#include "services/imageproc/rpc/render_service.h"
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

// How long the last renditions, which were given out already, may take to be stored.
constexpr absl::Duration kStoreTime = absl::Seconds(5);

DecoderPoolOptions DecodersFrom(const Options& options, int at_once) {
  return {.programs = UsualDecoderPrograms(
              options.decoder_path, static_cast<int>(options.decoder_spares),
              options.decoder_wide_path, static_cast<int>(options.decoder_wide_spares)),
          .concurrent = at_once,
          .memory_bytes = options.decoder_memory_bytes,
          .all_walls = options.decoder_walls == "strict",
          .max_decode_time = options.max_decode_time,
          .lasting_uses = static_cast<int>(options.decoder_lasting_uses),
          .lasting_bytes = options.decoder_lasting_bytes};
}

absl::Status Serve(const Options& options) {
  SR_RETURN_IF_ERROR(Validate(options));
  Metrics metrics;
  const int job_slots = DecodersOf(options);
  const int decoders_at_once = job_slots + static_cast<int>(options.render_slots);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<DecoderPool> decoders,
                      DecoderPool::Start(DecodersFrom(options, decoders_at_once), metrics));
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> tls,
                      rpc::TlsCertificates::Start(options.tls, {.use = "internal"}, metrics));
  RemoteBlobClient blobs({.target = options.fileserver_address,
                          .connections = static_cast<int>(options.fileserver_connections),
                          .tls = {tls, options.fileserver_tls_name}},
                         metrics);
  Admission admission({.slots = decoders_at_once,
                       .job_slots = job_slots,
                       .expensive_ms = absl::ToDoubleMilliseconds(options.render_expensive),
                       .max_wait = options.render_max_wait,
                       .max_renders = static_cast<int>(options.render_max_waiting),
                       .max_held_bytes = options.render_max_held_bytes,
                       .max_running_bytes = options.slots_memory_bytes},
                      metrics);
  JobRunner runner(blobs, *decoders, admission,
                   {.max_original_bytes = options.max_original_bytes,
                    .max_pixels = options.max_pixels,
                    .allow_svg = options.allow_svg},
                   metrics);
  BackgroundStore store({}, blobs, metrics);
  RenditionMaker maker({.max_original_bytes = options.max_original_bytes,
                        .max_pixels = options.max_pixels,
                        .max_rendition_bytes = options.max_rendition_bytes,
                        .allow_svg = options.allow_svg},
                       blobs, *decoders, admission, metrics);
  Renderer renderer({.threads = static_cast<int>(options.render_max_waiting)}, maker, store,
                    metrics);
  RenderService renders({}, renderer, metrics);
  const std::string worker_id = NewRandomId();
  WorkService service({.worker_id = worker_id,
                       .version = STOCKROOM_VERSION,
                       .slots = job_slots + static_cast<int>(options.prefetch),
                       .credit_ttl = options.credit_ttl,
                       .max_job_time = options.max_job_time,
                       .engines = [&decoders] { return decoders->Engines(); }},
                      runner, metrics);
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Server> server,
      rpc::Server::Start({.listen = options.listen, .reflection = options.reflection, .tls = tls},
                         {&service, &renders}));
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
  const DrainWatchdog watchdog(options.drain_limit * 2 + absl::Seconds(30));
  draining = true;
  server->SetServing(false);
  service.Drain(options.drain_limit);
  renderer.Drain(options.drain_limit);
  server->Drain(absl::Seconds(2));
  http->Drain(absl::Seconds(1));
  store.Drain(kStoreTime);
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
