// stockroom-api: read the configuration, build the parts, run, drain.
#include <memory>
#include <utility>

#include "services/api/auth/admin_key.h"
#include "services/api/domain/api_keys.h"
#include "services/api/domain/blob_collector.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/delivery_service.h"
#include "services/api/domain/janitor.h"
#include "services/api/domain/reprocessing.h"
#include "services/api/domain/store_clock.h"
#include "services/api/domain/uploads.h"
#include "services/api/domain/webhooks.h"
#include "services/api/domain/work_plan.h"
#include "services/api/events/event_log.h"
#include "services/api/events/event_watches.h"
#include "services/api/events/feed_follower.h"
#include "services/api/gateway/gateway.h"
#include "services/api/gateway/static_site.h"
#include "services/api/handlers/event_handlers.h"
#include "services/api/handlers/key_handlers.h"
#include "services/api/handlers/system_handlers.h"
#include "services/api/handlers/webhook_handlers.h"
#include "services/api/jobs/dispatcher.h"
#include "services/api/open_auth.h"
#include "services/api/open_store.h"
#include "services/api/options.h"
#include "services/api/rpc/services.h"
#include "services/api/rpc/webhook_rpc.h"
#include "services/api/search/memory_search_index.h"
#include "services/api/webhooks/curl_poster.h"
#include "services/api/webhooks/fan_out.h"
#include "services/api/webhooks/sender.h"
#include "services/api/webhooks/target_url.h"
#include "services/api/workers/grpc_worker_pool.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/process.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/http/server.h"
#include "services/common/rpc/server.h"

namespace stockroom::api {
namespace {

// Watchers come back after this, so that they spread over apis that were added since.
constexpr absl::Duration kLongestWatch = absl::Hours(1);
// What leasing and recording a delivery may take, besides the attempt.
constexpr absl::Duration kWebhookLeaseMargin = absl::Seconds(10);

absl::Status Serve(const Options& options, const std::string& profile) {
  SR_RETURN_IF_ERROR(Validate(options));
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> presets, PresetsOf(options));
  const std::string api_id = NewRandomId();
  Metrics metrics;
  TimerQueue timers;
  Executor executor({.name = "api",
                     .threads = static_cast<int>(options.executor_threads),
                     .max_queued = static_cast<int>(options.executor_queue)},
                    metrics);

  SR_ASSIGN_OR_RETURN(const std::unique_ptr<MetadataStore> store, OpenStore(options, metrics));
  StoreClock clock(*store, Clock::Real());
  SR_RETURN_IF_ERROR(clock.Refresh());
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> tls,
                      rpc::TlsCertificates::Start(options.tls, {.use = "internal"}, metrics));
  RemoteBlobClient blobs({.target = options.fileserver_address,
                          .connections = static_cast<int>(options.fileserver_connections),
                          .tls = {tls, options.fileserver_tls_name}},
                         metrics);
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<GrpcWorkerPool> workers,
      GrpcWorkerPool::Create({.api_id = api_id,
                              .targets = options.worker_addresses,
                              .streams_per_worker = static_cast<int>(options.worker_streams),
                              .lookup_every = options.worker_lookup_every,
                              .tls = {tls, options.worker_tls_name}},
                             timers, metrics));

  MemorySearchIndex index(metrics);
  FeedPosition position(timers);
  Completions completions(
      timers, &metrics.GetGauge("stockroom_waiting_uploads", "Calls that wait for an image."));
  EventLog event_log({}, metrics);
  // Of their own: each event wakes every watcher, and nobody else shall stand in line for that.
  Executor watch_executor({.name = "watch", .threads = 2}, metrics);
  EventWatches watches({.max_watchers = static_cast<int>(options.max_watchers)}, event_log, *store,
                       watch_executor, timers, metrics);
  FeedFollower follower({.poll = options.feed_poll,
                         .log = &event_log,
                         .on_deleted = [&](const std::string& id) { workers->Cancel(id); }},
                        *store, index, position, completions, metrics);
  JobDispatcher dispatcher({.holder = api_id,
                            .presets = presets,
                            .work_plan = WorkPlanOf(presets),
                            .max_pixels = options.max_pixels,
                            .job_deadline = options.job_deadline,
                            .lease = options.job_lease,
                            .max_decoder_deaths = static_cast<int>(options.job_max_decoder_deaths),
                            .max_worker_losses = static_cast<int>(options.job_max_worker_losses),
                            .max_attempts = static_cast<int>(options.job_max_attempts)},
                           *store, *workers, executor, timers, clock, metrics);
  Janitor janitor({.holder = api_id,
                   .keep_events = options.feed_retention,
                   .keep_keys = options.idempotency_retention},
                  *store, clock, metrics);
  BlobCollector collector(
      {.holder = api_id,
       .grace = options.collector_grace,
       .interval = options.collector_interval,
       .deletes_per_second = static_cast<double>(options.collector_deletes_per_second)},
      blobs, *store, clock, metrics);
  SR_ASSIGN_OR_RETURN(const AddressRules receivers,
                      AddressRules::Create(options.webhooks_allow_networks));
  SR_ASSIGN_OR_RETURN(const RetryPlan retry_plan, RetryPlan::Create(options.webhooks_retry_delays));
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<CurlPoster> poster,
                      CurlPoster::Create({.allow_http = options.webhooks_allow_http,
                                          .ca_file = options.webhooks_ca_file,
                                          .timeout = options.webhooks_attempt_timeout},
                                         receivers));
  WebhookSender webhook_sender({.concurrency = static_cast<int>(options.webhooks_concurrency),
                                .lease = options.webhooks_attempt_timeout + kWebhookLeaseMargin,
                                .retry = retry_plan,
                                .body = WebhookBody},
                               *store, *poster, clock, metrics);
  WebhookFanOut webhook_fan_out({.holder = api_id,
                                 .max_pending = static_cast<int>(options.webhooks_max_pending),
                                 .keep_log = options.webhooks_log_retention,
                                 .wake = [&] { webhook_sender.Poke(); }},
                                *store, clock, metrics);
  Webhooks webhooks({.max_webhooks = static_cast<int>(options.webhooks_max_webhooks),
                     .max_pending = static_cast<int>(options.webhooks_max_pending),
                     .check_url =
                         [&](const std::string& url) {
                           return CheckTargetUrl(url, options.webhooks_allow_http, receivers);
                         },
                     .wake = [&] { webhook_sender.Poke(); }},
                    *store, clock);
  store->SetCommitListener([&] {
    follower.Poke();
    webhook_fan_out.Poke();
    dispatcher.Poke();
  });

  if (!options.auth_admin_key_file.empty()) {
    SR_RETURN_IF_ERROR(PrepareAdminKey(options.auth_admin_key_file, store->api_keys(), clock));
  }
  if (options.auth_anonymous == "nothing" && options.jwt_issuer.empty() &&
      options.auth_admin_key_file.empty()) {
    LogWarning("nobody gets in who has no API key already; see auth.admin_key_file", {});
  }
  // Of their own: strangers who guess keys shall not keep those busy who serve the others.
  Executor key_executor({.name = "keys", .threads = 2, .max_queued = 256}, metrics);
  ApiKeyVerifier key_verifier({}, store->api_keys(), key_executor, clock, metrics);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<JwtVerifier> jwt_verifier,
                      OpenJwtVerifier(options, metrics));
  SR_ASSIGN_OR_RETURN(const RequestAuthenticator::Options who, AuthenticatorOptions(options));
  RequestAuthenticator authenticator(who, key_verifier, key_executor, jwt_verifier.get());
  RateLimiter limiter({.per_second = options.requests_per_second, .burst = options.request_burst},
                      metrics);
  Gate gate(authenticator, limiter, metrics);
  Quotas quotas({.max_images = options.owner_max_images, .max_bytes = options.owner_max_bytes},
                *store, clock);
  Uploads uploads({.max_bytes = options.max_upload_bytes,
                   .max_in_flight = static_cast<int>(options.max_uploads_in_flight),
                   .grace = options.collector_grace,
                   .quotas = &quotas},
                  blobs, *store, completions, executor, clock, metrics);
  Catalog catalog(*store, blobs, clock);
  DeliveryService delivery(
      {.remake_timeout = options.remake_timeout}, *store, blobs, completions, executor, clock,
      [&] { dispatcher.Poke(); }, metrics);

  Reprocessing reprocessing({.work_plan = WorkPlanOf(presets)}, *store, index, clock,
                            [&] { dispatcher.Poke(); });

  ImageHandlers image_handlers(uploads, catalog, reprocessing);
  SearchHandlers search_handlers(index, position);
  EventHandlers event_handlers(watches);
  ApiKeys api_keys(store->api_keys(), clock);
  KeyHandlers key_handlers(api_keys, [&](const ApiKey& key) { key_verifier.Revoked(key); });
  SystemHandlers system_handlers(STOCKROOM_VERSION, *workers, index, position, [&] {
    const JobDispatcher::Counts counts = dispatcher.counts();
    return SystemHandlers::JobNumbers{.waiting = counts.waiting, .running = counts.running};
  });
  WebhookHandlers webhook_handlers(webhooks);
  MethodTable methods;
  image_handlers.AddTo(methods);
  search_handlers.AddTo(methods);
  event_handlers.AddTo(methods);
  key_handlers.AddTo(methods);
  system_handlers.AddTo(methods);
  webhook_handlers.AddTo(methods);

  const Front front{gate, executor, {}};
  ImageRpc image_rpc(image_handlers, front);
  SearchRpc search_rpc(search_handlers, front);
  EventRpc event_rpc(
      event_handlers,
      {gate, executor, {.default_timeout = kLongestWatch, .max_timeout = kLongestWatch}});
  KeyRpc key_rpc(key_handlers, front);
  SystemRpc system_rpc(system_handlers, front);
  WebhookRpc webhook_rpc(webhook_handlers, front);
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> rpc_tls,
                      rpc::TlsCertificates::Start(options.rpc_tls, {.use = "rpc"}, metrics));
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Server> rpc_server,
      rpc::Server::Start(
          {.listen = options.rpc_listen, .reflection = options.reflection, .tls = rpc_tls},
          {&image_rpc, &search_rpc, &event_rpc, &key_rpc, &system_rpc, &webhook_rpc}));

  http::Router router;
  SR_RETURN_IF_ERROR(http::MountOperational(router, metrics, [&] {
    std::vector<std::string> reasons;
    if (!follower.ready()) reasons.emplace_back("the search index is loading");
    return reasons;
  }));
  SR_RETURN_IF_ERROR(
      MountGateway(router, methods, delivery, gate, executor,
                   {.max_upload_request_bytes = options.max_upload_bytes + (int64_t{1} << 20),
                    .watch_timeout = kLongestWatch,
                    .origins = {.trusted = options.cors_origins,
                                .loopback_only = IsLoopbackAddress(options.http_listen),
                                .hosts = options.gateway_hosts}}));
  if (!options.web_root.empty()) {
    SR_RETURN_IF_ERROR(MountStaticSite(router, options.web_root));
  }
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<http::Server> http_server,
      http::Server::Start({.listen = options.http_listen,
                           .threads = static_cast<int>(options.http_threads),
                           .min_bytes_per_second = options.http_min_bytes_per_second,
                           .tls = options.http_tls,
                           .max_connections = static_cast<int>(options.http_max_connections),
                           .cors = {.origins = options.cors_origins}},
                          std::move(router), metrics));

  dispatcher.Start();
  janitor.Start();
  collector.Start();
  webhook_fan_out.Start();
  webhook_sender.Start();
  follower.Start([&] { rpc_server->SetServing(true); });
  LogInfo("api runs", {{"grpc_port", rpc_server->port()},
                       {"http_port", http_server->port()},
                       {"profile", profile},
                       {"version", STOCKROOM_VERSION}});

  const int signal = WaitForStopSignal();
  LogInfo("api stops", {{"signal", signal}});
  // One drain after the other, each with its limit, and the last results to the database.
  const DrainWatchdog watchdog(options.drain_limit * 4 + absl::Seconds(30));
  rpc_server->SetServing(false);
  watches.Drain();
  http_server->Drain(options.drain_limit);  // waiting uploads need the parts below until here
  rpc_server->Drain(options.drain_limit);
  dispatcher.Drain(options.drain_limit);
  collector.Stop();
  webhook_fan_out.Stop();
  webhook_sender.Stop(options.drain_limit);
  janitor.Stop();
  executor.Shutdown();
  key_executor.Shutdown();
  watch_executor.Shutdown();
  follower.Stop();
  timers.Stop();
  store->SetCommitListener([] {});
  return absl::OkStatus();
}

}  // namespace
}  // namespace stockroom::api

int main(int argc, char** argv) {
  stockroom::api::Options options;
  const stockroom::ConfigSchema schema = stockroom::api::SchemaFor(options);
  return stockroom::ServiceMain(
      schema, options.log_level, argc, argv,
      [&](const std::string& profile) { return stockroom::api::Serve(options, profile); });
}
