// stockroom-api: read the configuration, build the parts, run, drain.
#include <memory>
#include <utility>

#include "services/api/auth/admin_key.h"
#include "services/api/cache/rendition_cache.h"
#include "services/api/domain/api_keys.h"
#include "services/api/domain/archive.h"
#include "services/api/domain/blob_collector.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/delivery_service.h"
#include "services/api/domain/direct_uploads.h"
#include "services/api/domain/janitor.h"
#include "services/api/domain/moderation.h"
#include "services/api/domain/moderation_sweep.h"
#include "services/api/domain/popularity.h"
#include "services/api/domain/reprocessing.h"
#include "services/api/domain/screening.h"
#include "services/api/domain/store_care.h"
#include "services/api/domain/store_clock.h"
#include "services/api/domain/upload_finisher.h"
#include "services/api/domain/upload_reconciler.h"
#include "services/api/domain/uploads.h"
#include "services/api/domain/webhooks.h"
#include "services/api/domain/work_plan.h"
#include "services/api/events/event_log.h"
#include "services/api/events/event_watches.h"
#include "services/api/events/feed_follower.h"
#include "services/api/gateway/gateway.h"
#include "services/api/gateway/static_site.h"
#include "services/api/handlers/admin_handlers.h"
#include "services/api/handlers/backup_handlers.h"
#include "services/api/handlers/event_handlers.h"
#include "services/api/handlers/key_handlers.h"
#include "services/api/handlers/moderation_handlers.h"
#include "services/api/handlers/store_handlers.h"
#include "services/api/handlers/system_handlers.h"
#include "services/api/handlers/upload_handlers.h"
#include "services/api/handlers/webhook_handlers.h"
#include "services/api/handlers/wire_image.h"
#include "services/api/index/index_keeper.h"
#include "services/api/jobs/dispatcher.h"
#include "services/api/open_auth.h"
#include "services/api/open_delivery.h"
#include "services/api/open_moderator.h"
#include "services/api/open_store.h"
#include "services/api/options.h"
#include "services/api/rpc/moderation_rpc.h"
#include "services/api/rpc/services.h"
#include "services/api/rpc/store_rpc.h"
#include "services/api/rpc/upload_rpc.h"
#include "services/api/rpc/webhook_rpc.h"
#include "services/api/webhooks/curl_poster.h"
#include "services/api/webhooks/fan_out.h"
#include "services/api/webhooks/sender.h"
#include "services/api/webhooks/target_url.h"
#include "services/api/workers/grpc_renderer.h"
#include "services/api/workers/grpc_worker_pool.h"
#include "services/common/base/heap.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/process.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_care_client.h"
#include "services/common/blobs/remote_incoming_client.h"
#include "services/common/http/server.h"
#include "services/common/rpc/server.h"

namespace stockroom::api {
namespace {

// Watchers come back after this, so that they spread over apis that were added since.
constexpr absl::Duration kLongestWatch = absl::Hours(1);
// What leasing and recording a delivery may take, besides the attempt.
constexpr absl::Duration kWebhookLeaseMargin = absl::Seconds(10);

IndexKeeper::Options IndexOptions(const Options& options) {
  return {
      .index = {.documents = {.folder = options.search_folder},
                .encoder = {.basic = BasicWireOf, .rest = AnalysisWireOf},
                .encoder_version = kWireVersion,
                .memory_budget_bytes = static_cast<uint64_t>(options.search_memory_budget_bytes)},
      .checkpoint_every = options.search_checkpoint_every};
}

absl::Status Serve(const Options& options, const std::string& profile) {
  SR_RETURN_IF_ERROR(Validate(options));
  KeepFreedMemory(kKeptForDownloads);
  JoinFreedMemory();
  SR_ASSIGN_OR_RETURN(const Watermarks watermarks, OpenWatermarks(options));
  SR_ASSIGN_OR_RETURN(std::vector<NamedRecipe> configured, PresetsOf(options));
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> presets,
                      WithOwnMarks(std::move(configured), watermarks));
  SR_ASSIGN_OR_RETURN(const std::vector<WatermarkPicture> preset_marks,
                      MarksOf(presets, watermarks));
  SR_ASSIGN_OR_RETURN(const std::vector<int> ladder, LadderSidesOf(options, presets));
  const std::string work_plan = WorkPlanOf(presets, ladder);
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
  RemoteIncomingClient incoming({.target = options.fileserver_address,
                                 .tls = {tls, options.fileserver_tls_name},
                                 .images_only = true,
                                 .svg = options.allow_svg},
                                metrics);
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<GrpcWorkerPool> workers,
      GrpcWorkerPool::Create({.api_id = api_id,
                              .targets = options.worker_addresses,
                              .streams_per_worker = static_cast<int>(options.worker_streams),
                              .lookup_every = options.worker_lookup_every,
                              .tls = {tls, options.worker_tls_name}},
                             timers, metrics));

  FeedPosition position(timers);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<IndexKeeper> keeper,
                      IndexKeeper::Open(IndexOptions(options), *store, position, metrics));
  MemorySearchIndex& index = keeper->index();
  GrpcRenderer renderer({.max_rendition_bytes = options.max_rendition_bytes}, *workers, metrics);
  RenditionCache rendition_cache({.max_bytes = options.delivery_cache_bytes}, metrics);
  SR_ASSIGN_OR_RETURN(DeliveryService::Options delivery_options,
                      OpenDelivery(options, presets, ladder));
  PopularityCounts popularity_counts(
      {.max_images = static_cast<size_t>(options.popularity_max_images)}, metrics);
  delivery_options.popularity = &popularity_counts;
  DeliveryService delivery(std::move(delivery_options), *store, index, blobs, renderer,
                           rendition_cache, executor, timers, metrics);
  Completions completions(
      timers, &metrics.GetGauge("stockroom_waiting_uploads", "Calls that wait for an image."));
  EventLog event_log({}, metrics);
  // Of their own: each event wakes every watcher, and nobody else shall stand in line for that.
  Executor watch_executor({.name = "watch", .threads = 2}, metrics);
  EventWatches watches({.max_watchers = static_cast<int>(options.max_watchers)}, event_log, *store,
                       watch_executor, timers, metrics);
  FeedFollower follower({.poll = options.feed_poll,
                         .log = &event_log,
                         .on_deleted = [&](const std::string& id) { workers->Cancel(id); },
                         .listener = &delivery,
                         .restore = [&] { return keeper->Restore(); },
                         .loading = &index},
                        *store, index, position, completions, metrics);
  PopularitySync popularity(
      {.interval = options.popularity_interval, .ready = [&] { return follower.ready(); }},
      popularity_counts, store->popularity(),
      [&](const auto& counts) { index.SetPopularity(counts); }, metrics);
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<Moderator> moderator, OpenModerator(options));
  BlockList block_list({.min_quality = static_cast<int>(options.moderation_min_quality)},
                       store->moderation(), metrics);
  Screening screening({.policy = ModeratorPolicyOf(options),
                       .patience = options.moderation_hook_patience,
                       .concurrency = static_cast<int>(options.moderation_hook_concurrency)},
                      block_list, moderator.get(), *store, blobs, metrics);
  ModerationSweep sweep({.holder = api_id, .poll = options.moderation_poll, .listener = &delivery},
                        *store, block_list, clock, metrics);
  Moderation moderation({.max_hashes = static_cast<int>(options.moderation_max_hashes),
                         .wake = [&] { sweep.Poke(); },
                         .listener = &delivery},
                        *store, clock);
  JobDispatcher dispatcher({.holder = api_id,
                            .presets = presets,
                            .ladder = ladder,
                            .watermarks = preset_marks,
                            .work_plan = work_plan,
                            .max_pixels = options.max_pixels,
                            .before_anew = [&](const Image& image) { delivery.PurgeAll(image); },
                            .job_deadline = options.job_deadline,
                            .lease = options.job_lease,
                            .max_decoder_deaths = static_cast<int>(options.job_max_decoder_deaths),
                            .max_worker_losses = static_cast<int>(options.job_max_worker_losses),
                            .max_attempts = static_cast<int>(options.job_max_attempts),
                            .screening = &screening},
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
                   .svg = options.allow_svg ? SvgPolicy::kAllowed : SvgPolicy::kRefused,
                   .quotas = &quotas},
                  blobs, *store, completions, executor, clock, metrics);
  UploadFinisher upload_finisher(
      {.grace = options.collector_grace,
       .svg = options.allow_svg ? SvgPolicy::kAllowed : SvgPolicy::kRefused,
       .keep_ended = options.uploads_keep_ended,
       .quotas = &quotas},
      incoming, blobs, *store, clock, metrics);
  DirectUploads direct_uploads({.max_bytes = options.max_upload_bytes,
                                .longest = options.uploads_expiry,
                                .reconcile_after = options.uploads_reconcile_after,
                                .max_open = static_cast<int>(options.uploads_max_open),
                                .max_completing = static_cast<int>(options.uploads_max_completing),
                                .longest_url = options.uploads_max_url_lifetime,
                                .quotas = &quotas},
                               upload_finisher, incoming, *store, completions, executor, clock,
                               metrics);
  UploadReconciler upload_reconciler({.holder = api_id,
                                      .poll = options.uploads_reconcile_poll,
                                      .pause = options.uploads_reconcile_after,
                                      .keep_ended = options.uploads_keep_ended},
                                     upload_finisher, incoming, *store, clock, metrics);
  Catalog catalog(*store, blobs, clock, &delivery);
  Reprocessing reprocessing({.work_plan = work_plan}, *store, index, clock,
                            [&] { dispatcher.Poke(); });

  ImageHandlers image_handlers(uploads, catalog, reprocessing);
  UploadHandlers upload_handlers(options.uploads_direct ? &direct_uploads : nullptr);
  SearchHandlers search_handlers(index, position);
  EventHandlers event_handlers(watches);
  ApiKeys api_keys(store->api_keys(), clock);
  KeyHandlers key_handlers(api_keys, [&](const ApiKey& key) { key_verifier.Revoked(key); });
  SystemHandlers system_handlers(STOCKROOM_VERSION, *workers, index, position, [&] {
    const JobDispatcher::Counts counts = dispatcher.counts();
    return SystemHandlers::JobNumbers{.waiting = counts.waiting, .running = counts.running};
  });
  WebhookHandlers webhook_handlers(webhooks);
  ModerationHandlers moderation_handlers(moderation);
  AdminHandlers admin_handlers(*keeper);
  RemoteCareClient care_client(
      {.target = options.fileserver_address, .tls = {tls, options.fileserver_tls_name}});
  StoreCare store_care({}, *store, care_client);
  StoreHandlers store_handlers(store_care);
  Archive archive({.grace = options.collector_grace}, *store, blobs, care_client, clock);
  BackupHandlers backup_handlers(archive);
  MethodTable methods;
  image_handlers.AddTo(methods);
  upload_handlers.AddTo(methods);
  search_handlers.AddTo(methods);
  event_handlers.AddTo(methods);
  key_handlers.AddTo(methods);
  system_handlers.AddTo(methods);
  webhook_handlers.AddTo(methods);
  moderation_handlers.AddTo(methods);
  admin_handlers.AddTo(methods);
  store_handlers.AddTo(methods);

  const Front front{gate, executor, {}};
  ImageRpc image_rpc(image_handlers, front);
  UploadRpc upload_rpc(upload_handlers, front);
  SearchRpc search_rpc(search_handlers, front);
  EventRpc event_rpc(
      event_handlers,
      {gate, executor, {.default_timeout = kLongestWatch, .max_timeout = kLongestWatch}});
  KeyRpc key_rpc(key_handlers, front);
  SystemRpc system_rpc(system_handlers, front);
  WebhookRpc webhook_rpc(webhook_handlers, front);
  ModerationRpc moderation_rpc(moderation_handlers, front);
  const Front slow_front{
      gate,
      executor,
      {.default_timeout = AdminHandlers::kTimeout, .max_timeout = AdminHandlers::kTimeout}};
  AdminRpc admin_rpc(admin_handlers, slow_front);
  StoreRpc store_rpc(store_handlers, backup_handlers, slow_front);
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<rpc::TlsCertificates> rpc_tls,
                      rpc::TlsCertificates::Start(options.rpc_tls, {.use = "rpc"}, metrics));
  SR_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Server> rpc_server,
      rpc::Server::Start(
          {.listen = options.rpc_listen, .reflection = options.reflection, .tls = rpc_tls},
          {&image_rpc, &upload_rpc, &search_rpc, &event_rpc, &key_rpc, &system_rpc, &webhook_rpc,
           &moderation_rpc, &admin_rpc, &store_rpc}));

  http::Router router;
  SR_RETURN_IF_ERROR(http::MountOperational(router, metrics, [&] {
    std::vector<std::string> reasons;
    if (!follower.ready()) reasons.emplace_back("the search index is loading");
    return reasons;
  }));
  SR_RETURN_IF_ERROR(
      MountGateway(router, methods, delivery, gate, executor,
                   {.max_upload_request_bytes = options.max_upload_bytes + (int64_t{1} << 20),
                    .max_image_bytes = options.max_upload_bytes,
                    .watch_timeout = kLongestWatch,
                    .public_max_age = options.delivery_max_age,
                    .client_hints = options.delivery_client_hints,
                    .origins = {.trusted = options.cors_origins,
                                .loopback_only = IsLoopbackAddress(options.http_listen),
                                .hosts = options.gateway_hosts}}));
  if (!options.web_root.empty()) {
    SR_RETURN_IF_ERROR(MountStaticSite(
        router, options.web_root, {},
        options.uploads_direct ? options.upload_origins : std::vector<std::string>()));
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
  sweep.Start();
  popularity.Start();
  collector.Start();
  upload_reconciler.Start();
  webhook_fan_out.Start();
  webhook_sender.Start();
  follower.Start([&] { rpc_server->SetServing(true); });
  keeper->Start(follower, [&] { popularity.ReadAnew(); });
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
  upload_reconciler.Stop();
  webhook_fan_out.Stop();
  webhook_sender.Stop(options.drain_limit);
  sweep.Stop();
  popularity.Stop();
  janitor.Stop();
  delivery.Drain();
  executor.Shutdown();
  key_executor.Shutdown();
  watch_executor.Shutdown();
  follower.Stop();
  keeper->Stop();
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
