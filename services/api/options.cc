#include "services/api/options.h"

#include <set>

#include "absl/strings/numbers.h"
#include "services/api/domain/roles.h"
#include "services/api/domain/validation.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/common/recipe/ladder.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {
namespace {

void DeclareAddresses(ConfigSchema& schema, Options& o) {
  schema.Text("rpc.listen", &o.rpc_listen, "Address of the public gRPC API, host:port.");
  schema.Boolean("rpc.reflection", &o.reflection, "Serve gRPC reflection, for grpcurl.");
  DeclareTls(schema, "rpc.tls_", "client_ca", &o.rpc_tls, "TLS of the public gRPC API.",
             "PEM file of the authorities that clients' certificates must be from. Empty: clients "
             "need none.");
  schema.Text("gateway.listen", &o.http_listen,
              "Address of the REST gateway, which also serves /healthz, /readyz and /metrics.");
  schema.Integer("gateway.threads", &o.http_threads, 1, 64,
                 "Event loop threads. Handlers never block, so few feed many connections.");
  schema.TextList("gateway.cors_origins", &o.cors_origins,
                  "Origins (https://photos.example) whose pages may use this gateway from the "
                  "browser; * for all. None: only pages of the gateway's own origin.");
  schema.Text("gateway.web_root", &o.web_root,
              "Folder of the browser UI, served at / (the build puts one into web/ beside bin/). "
              "Read at start. Empty: no UI.");
  schema.TextList(
      "gateway.upload_origins", &o.upload_origins,
      "Origins (https://files.example) that the page sends large files to: of the file "
      "server's http.public_url; pages of your own may need that of s3.public_url, too. The "
      "page's policy allows these and no others. None: it sends all through this gateway.");
  schema.TextList(
      "gateway.hosts", &o.gateway_hosts,
      "Names, without port, by which a gateway that listens on loopback may be called by "
      "those who show nothing, besides localhost: of a proxy in front, say. Others are "
      "refused, so that no page can make its own name point here.");
  schema.Integer("gateway.max_connections", &o.http_max_connections, 1, 1'000'000,
                 "Open connections; each costs a descriptor and about 20 KiB. Past it: 503.");
  schema.Integer("gateway.min_bytes_per_second", &o.http_min_bytes_per_second, 0, 1 << 30,
                 "Slower senders of bodies and takers of answers are cut off, after 10 s of grace: "
                 "they would hold their connection for ever. 0: only pauses of 30 s are.");
  DeclareTls(schema, "gateway.tls_", "client_ca", &o.http_tls, "TLS of the REST gateway.",
             "PEM file of the authorities that clients' certificates must be from. Empty: clients "
             "need none.");
  schema.Boolean("allow_anonymous", &o.allow_anonymous,
                 "Allow addresses other than loopback although callers who show nothing may write "
                 "(auth.anonymous).");
}

void DeclareAuth(ConfigSchema& schema, Options& o) {
  schema.Choice("auth.anonymous", &o.auth_anonymous, {"nothing", "viewer", "everything"},
                "What callers may do that show neither API key nor token. With viewer they see "
                "what is public; everything is for one machine and its owner.");
  schema.Text("auth.admin_key_file", &o.auth_admin_key_file,
              "File with an API key that may do everything; made at the first start if it is not "
              "there. For making the other keys with it.");
  schema.Text("auth.jwt_issuer", &o.jwt_issuer,
              "Issuer (iss) whose JSON Web Tokens are taken. Empty: none are.");
  schema.TextList(
      "auth.jwt_audiences", &o.jwt_audiences,
      "Tokens must be for one of these (aud); at least one, or whoever gets a token for "
      "another service could use it here.");
  schema.Text(
      "auth.jwt_keys", &o.jwt_keys,
      "The issuer's keys: a file (JWKS or PEM; read again when it changes) or the https URL "
      "of a JWKS (fetched again before it is stale). Secrets for HS256 only by file.");
  schema.Text("auth.jwt_keys_ca", &o.jwt_keys_ca,
              "PEM file of the authorities to trust for that URL; empty: the system's.");
  schema.Duration("auth.jwt_clock_skew", &o.jwt_clock_skew, absl::ZeroDuration(), absl::Minutes(5),
                  "How far the issuer's clock and this one may be apart.");
  schema.Duration("auth.jwt_max_lifetime", &o.jwt_max_lifetime, absl::ZeroDuration(),
                  absl::Hours(24 * 365),
                  "Longest time from a token's iat to its exp that is taken; 0: any.");
  schema.Text("auth.jwt_roles_claim", &o.jwt_roles_claim,
              "Claim with the bearer's roles; nested ones as /realm_access/roles.");
  schema.TextMap("auth.jwt_roles", &o.jwt_roles,
                 "What the issuer calls the roles: its name, and viewer, uploader, moderator or "
                 "admin. Those four names are always understood.");
  schema.Choice("auth.jwt_default_role", &o.jwt_default_role,
                {"nothing", "viewer", "uploader", "moderator", "admin"},
                "Role of a bearer whose token names none.");
  schema.TextMap(
      "auth.jwt_attributes", &o.jwt_attributes,
      "Claims that become attributes of what their bearer uploads: claim and attribute.");
}

void DeclareDatabase(ConfigSchema& schema, Options& o) {
  schema.Choice(
      "database.driver", &o.database_driver, {"sqlite", "mysql", "memory"},
      "Where metadata lives: sqlite for one api, mysql (also MariaDB) for several; memory "
      "forgets everything and is for trying.");
  schema.Text("database.path", &o.database_path, "The SQLite file, on a local disk.");
  schema.Text("database.host", &o.database_host, "MySQL server.");
  schema.Integer("database.port", &o.database_port, 1, 65535, "Port of the MySQL server.");
  schema.Text("database.socket", &o.database_socket,
              "Unix socket of the MySQL server; used instead of host and port if given.");
  schema.Text("database.name", &o.database_name,
              "Database on the MySQL server; it must exist, tables are made.");
  schema.Text("database.user", &o.database_user, "User on the MySQL server.");
  schema.Text("database.password_file", &o.database_password_file,
              "File that holds the user's password, for example a mounted secret. Empty: none.");
  schema.Choice("database.tls", &o.database_tls, {"off", "required", "verified"},
                "Encryption to the MySQL server; verified also checks its certificate and name.");
  schema.Text("database.tls_ca", &o.database_tls_ca,
              "Authority (PEM file) that the MySQL server's certificate must be from.");
  schema.Integer("database.connections", &o.database_connections, 1, 1000,
                 "MySQL connections of this api, besides one that numbers events. More than the "
                 "executor's threads and a few would lie idle.");
  schema.Duration("database.patience", &o.database_patience, absl::Seconds(1), absl::Minutes(1),
                  "Longest wait for a connection, an answer or a lock; then UNAVAILABLE.");
  schema.Boolean("database.allow_unsafe_durability", &o.database_allow_unsafe,
                 "Start although the MySQL server may lose acknowledged uploads in a power cut "
                 "(innodb_flush_log_at_trx_commit other than 1). For tests.");
}

void DeclareParts(ConfigSchema& schema, Options& o) {
  schema.Text("fileserver.address", &o.fileserver_address, "gRPC address of the file server.");
  schema.Integer("fileserver.connections", &o.fileserver_connections, 1, 64,
                 "Connections to the file server; calls go round over them.");
  schema.Text("fileserver.tls_name", &o.fileserver_tls_name,
              "Name that the file server's certificate must have; empty: the host of its address.");
  schema.TextList("workers.addresses", &o.worker_addresses,
                  "Image workers, host:port each. Every address a name has is a worker.");
  schema.Integer("workers.streams", &o.worker_streams, 1, 64,
                 "Streams to each worker, each on a connection of its own.");
  schema.Duration("workers.lookup_every", &o.worker_lookup_every, absl::Milliseconds(100),
                  absl::Hours(1), "How often worker names are looked up again.");
  schema.Text("workers.tls_name", &o.worker_tls_name,
              "Name that workers' certificates must have; empty: the host of their address.");
  DeclareTls(schema, "tls.", "ca", &o.tls,
             "Mutual TLS of the connections to file server and workers.",
             "PEM file of the authorities that their certificates must be from.");
}

void DeclareWork(ConfigSchema& schema, Options& o) {
  schema.Integer("limits.max_upload_bytes", &o.max_upload_bytes, 1, int64_t{1} << 40,
                 "Largest original. Photographs of more than 200 MiB are rare, and a cap keeps one "
                 "request from filling the disk.");
  schema.Boolean("limits.allow_svg", &o.allow_svg,
                 "Take SVG; the workers must allow it as well (limits.allow_svg).");
  schema.Integer("limits.max_uploads_in_flight", &o.max_uploads_in_flight, 1, 100'000,
                 "Uploads under way at once; each holds a few chunks of at most 1 MiB.");
  schema.Integer("limits.max_pixels", &o.max_pixels, 1, int64_t{1} << 40,
                 "Largest image, all frames together, read from the header before decoding. 100 "
                 "million pixels are 400 MB when decoded.");
  schema.Integer("limits.max_rendition_bytes", &o.max_rendition_bytes, 1 << 10, int64_t{1} << 30,
                 "Largest picture that is taken from a worker; it is held in memory whole.");
  schema.Real("limits.requests_per_second", &o.requests_per_second, 0, 1e6,
              "Requests that each caller may make at this api in the long run; 0: no limit. "
              "Callers who show nothing are told apart by their address.");
  schema.Integer("limits.request_burst", &o.request_burst, 0, 10'000'000,
                 "Requests that a caller who was quiet may make at once; 0: two seconds' worth.");
  schema.Integer("limits.owner_max_images", &o.owner_max_images, 0, int64_t{1} << 40,
                 "Images that each owner may keep; 0: no limit. Several apis may let a few more "
                 "in.");
  schema.Integer("limits.owner_max_bytes", &o.owner_max_bytes, 0, int64_t{1} << 50,
                 "Bytes of originals that each owner may keep; 0: no limit.");
  schema.TextMap("presets", &o.presets,
                 "Renditions made at upload: name and recipe (fit=WxH/format=F/q=N).");
  schema.TextList("ladder.sides", &o.ladder_sides,
                  "Longest sides of large copies made at upload of originals of at least twice "
                  "that size: what is asked for later is made of them. auto: one of twice the "
                  "largest preset. None: everything is made of the original.");
  schema.Duration("jobs.deadline", &o.job_deadline, absl::Seconds(1), absl::Hours(1),
                  "Longest that one image may take on a worker; then its decoder is killed.");
  schema.Duration("jobs.lease", &o.job_lease, absl::Seconds(5), absl::Hours(1),
                  "How long jobs of an api that died wait before another takes them.");
  schema.Integer("jobs.max_decoder_deaths", &o.job_max_decoder_deaths, 1, 1000,
                 "An image that has killed its decoder this often is quarantined.");
  schema.Integer("jobs.max_worker_losses", &o.job_max_worker_losses, 1, 1000,
                 "An image whose worker vanished this often is quarantined.");
  schema.Integer(
      "jobs.max_attempts", &o.job_max_attempts, 1, 100'000,
      "Attempts at an image, for whatever reason they ended. 100, up to 5 minutes apart, "
      "outlast a working day without file server.");
  schema.Duration(
      "feed.poll", &o.feed_poll, absl::Milliseconds(5), absl::Seconds(10),
      "How often to look for changes by other apis; searches elsewhere lag by about this.");
  schema.Duration("feed.retention", &o.feed_retention, absl::Minutes(1), absl::Hours(24 * 365),
                  "How long a watcher may be away and still resume.");
  schema.Integer("feed.max_watchers", &o.max_watchers, 1, 100'000,
                 "Watchers of events at once, each with a connection of its own. Browsers hold one "
                 "for every open page; the gateway's connections must suffice for them.");
  schema.Duration("idempotency.retention", &o.idempotency_retention, absl::Minutes(1),
                  absl::Hours(24 * 30), "How long a repeated request is recognised by its key.");
  schema.Duration(
      "collector.grace", &o.collector_grace, absl::Seconds(1), absl::Hours(24 * 365),
      "How long bytes that no image refers to are kept. The same on every api, at least "
      "the file server's collect.min_untouched, and longer than any upload lasts.");
  schema.Duration("collector.interval", &o.collector_interval, absl::Seconds(1),
                  absl::Hours(24 * 30), "How often to look for such bytes.");
  schema.Integer("collector.deletes_per_second", &o.collector_deletes_per_second, 1, 100'000,
                 "Bound on deletions, so that they do not crowd out reads and uploads.");
  schema.Duration("popularity.interval", &o.popularity_interval, absl::Milliseconds(100),
                  absl::Hours(1),
                  "How often views and downloads are written to the database, and those that other "
                  "apis counted are read: searches by popularity lag by about twice this.");
  schema.Integer("popularity.max_images", &o.popularity_max_images, 16, 10'000'000,
                 "Images whose views and downloads are held until then, about 150 bytes each. Of "
                 "more, those with the fewest are not counted.");
  schema.Integer("executor.threads", &o.executor_threads, 1, 1024,
                 "Threads for calls that wait for the database.");
  schema.Integer("executor.queue", &o.executor_queue, 1, 1'000'000,
                 "Calls that may wait for such a thread. Past it callers get RESOURCE_EXHAUSTED.");
  schema.Duration("drain_limit", &o.drain_limit, absl::ZeroDuration(), absl::Hours(1),
                  "How long running calls and jobs may go on after SIGTERM.");
}

absl::Status CheckJwtOptions(const Options& options) {
  if (options.jwt_issuer.empty()) {
    if (options.jwt_keys.empty() && options.jwt_audiences.empty()) return absl::OkStatus();
    return InvalidField("auth.jwt_issuer",
                        "is needed where the issuer's keys or audiences are given");
  }
  if (options.jwt_keys.empty()) return InvalidField("auth.jwt_keys", "must name a file or URL");
  if (options.jwt_audiences.empty()) {
    return InvalidField("auth.jwt_audiences", "must name an audience");
  }
  for (const auto& [claim, attribute] : options.jwt_attributes) {
    if (claim.empty() || attribute.empty() || attribute.size() > kMaxAttributeKey) {
      return InvalidField("auth.jwt_attributes", "expected the names of claims and of attributes");
    }
  }
  return JwtRolesOf(options).status();
}

void DeclareWebhooks(ConfigSchema& schema, Options& o) {
  schema.Boolean("webhooks.allow_http", &o.webhooks_allow_http,
                 "Send webhooks over http, too. What they tell can then be read on the way.");
  schema.TextList("webhooks.allow_networks", &o.webhooks_allow_networks,
                  "Networks (10.1.0.0/16) that webhooks may be sent to although they are not "
                  "public. Whoever may make a webhook can then make this api send requests there.");
  schema.Text("webhooks.ca_file", &o.webhooks_ca_file,
              "Authorities (PEM file) that receivers' certificates must be from. Empty: the "
              "system's.");
  schema.TextList("webhooks.retry_delays", &o.webhooks_retry_delays,
                  "How long after each failed attempt the next one comes; after the last the "
                  "delivery is dead. The default gives a receiver a day. 10ms to 24h, at most 20.");
  schema.Duration("webhooks.attempt_timeout", &o.webhooks_attempt_timeout, absl::Milliseconds(100),
                  absl::Minutes(1),
                  "Longest that a receiver may take to answer. Those that need more should answer "
                  "first and work afterwards.");
  schema.Integer("webhooks.concurrency", &o.webhooks_concurrency, 1, 64,
                 "Requests under way to each webhook from this api, each a descriptor. Every "
                 "webhook has its own, so that a slow receiver holds up nobody else.");
  schema.Integer("webhooks.max_webhooks", &o.webhooks_max_webhooks, 0, 1000,
                 "Webhooks that may exist. Each is compared with every event.");
  schema.Integer("webhooks.max_pending", &o.webhooks_max_pending, 1, 1'000'000,
                 "Deliveries of one webhook that may wait. What comes after that is kept as dead, "
                 "to be replayed.");
  schema.Duration("webhooks.log_retention", &o.webhooks_log_retention, absl::Minutes(1),
                  absl::Hours(24 * 90),
                  "How long deliveries are kept, from when they were queued; one row each.");
}

void DeclareModeration(ConfigSchema& schema, Options& o) {
  schema.Text("moderation.hook_url", &o.moderation_hook_url,
              "External moderator that is asked about each image before it is visible: http(s)://… "
              "or grpc(s)://host:port (proto/stockroom/v1/moderator_hook.proto). Empty: none.");
  schema.Text("moderation.hook_ca_file", &o.moderation_hook_ca_file,
              "Authorities (PEM file) that its certificate must be from. Empty: the system's.");
  schema.Text(
      "moderation.hook_secret_file", &o.moderation_hook_secret_file,
      "File with a secret that it knows us by: over HTTP it signs each request (as webhooks "
      "are signed), over gRPC it is the bearer token. Empty: none.");
  schema.Choice("moderation.hook_policy", &o.moderation_hook_policy, {"flag", "allow", "retry"},
                "What becomes of an image when it gives no answer: a person decides, it is shown, "
                "or it waits and nothing more is processed than can wait.");
  schema.Duration("moderation.hook_patience", &o.moderation_hook_patience, absl::Milliseconds(10),
                  absl::Minutes(1),
                  "Longest wait for its answer. The image is not visible so long.");
  schema.Integer("moderation.hook_concurrency", &o.moderation_hook_concurrency, 1, 256,
                 "Questions at the same time from this api; each is a thread that waits.");
  schema.Integer("moderation.min_quality", &o.moderation_min_quality, 0, 100,
                 "Pictures whose PDQ quality is less are not compared with the block list: flat "
                 "pictures resemble one another. 50 is what the authors of PDQ advise.");
  schema.Integer(
      "moderation.max_hashes", &o.moderation_max_hashes, 0, 10'000'000,
      "Hashes on the block list. Each picture is compared with each, below 10 ms of a CPU for "
      "100,000; each api holds them, about 200 bytes each.");
  schema.Duration("moderation.poll", &o.moderation_poll, absl::Milliseconds(10), absl::Minutes(1),
                  "How often to look for changes of the block list by other apis, and for visible "
                  "images that are still to be compared with it. Nothing new that matches becomes "
                  "visible meanwhile.");
}

}  // namespace

ConfigSchema SchemaFor(Options& options) {
  ConfigSchema schema("api");
  DeclareAddresses(schema, options);
  DeclareAuth(schema, options);
  DeclareDatabase(schema, options);
  DeclareParts(schema, options);
  DeclareWork(schema, options);
  DeclareDelivery(schema, options);
  DeclareSearch(schema, options);
  DeclareUploads(schema, options);
  DeclareWebhooks(schema, options);
  DeclareModeration(schema, options);
  DeclareLogLevel(schema, &options.log_level);
  return schema;
}

absl::Status Validate(const Options& options) {
  const bool strangers_write = ScopesOfStrangers(options).Has(Scope::kWrite);
  const bool anywhere = options.allow_anonymous || !strangers_write;
  SR_RETURN_IF_ERROR(CheckMayBind("rpc.listen", options.rpc_listen, anywhere));
  SR_RETURN_IF_ERROR(CheckMayBind("gateway.listen", options.http_listen, anywhere));
  SR_RETURN_IF_ERROR(CheckTlsPair("gateway.tls_", "client_ca", options.http_tls));
  SR_RETURN_IF_ERROR(CheckTlsPair("rpc.tls_", "client_ca", options.rpc_tls));
  SR_RETURN_IF_ERROR(CheckMutualTls("tls.", options.tls));
  if (options.database_driver == "sqlite" && options.database_path.empty()) {
    return InvalidField("database.path", "must name a file");
  }
  if (options.database_tls == "verified" && options.database_tls_ca.empty()) {
    return InvalidField("database.tls_ca", "must name a PEM file when database.tls is verified");
  }
  SR_RETURN_IF_ERROR(CheckJwtOptions(options));
  SR_RETURN_IF_ERROR(LaterPresetsOf(options).status());
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> presets, PresetsOf(options));
  return LadderSidesOf(options, presets).status();
}

absl::StatusOr<std::vector<std::pair<std::string, Role>>> JwtRolesOf(const Options& options) {
  std::vector<std::pair<std::string, Role>> roles;
  for (const auto& [name, text] : options.jwt_roles) {
    const std::optional<Role> role = RoleNamed(text);
    if (!role) {
      return InvalidField("auth.jwt_roles." + name,
                          "expected viewer, uploader, moderator or admin, not '" + text + "'");
    }
    roles.emplace_back(name, *role);
  }
  return roles;
}

Scopes ScopesOfStrangers(const Options& options) {
  if (options.auth_anonymous == "everything") return Principal::Anonymous().scopes;
  return options.auth_anonymous == "viewer" ? ScopesOf(Role::kViewer) : Scopes();
}

absl::StatusOr<std::vector<NamedRecipe>> PresetsOf(const Options& options) {
  return ParsePresets("presets", options.presets);
}

absl::StatusOr<std::vector<NamedRecipe>> ParsePresets(
    const std::string& option, const std::vector<std::pair<std::string, std::string>>& given) {
  std::vector<NamedRecipe> presets;
  std::set<std::string> seen;
  for (const auto& [name, text] : given) {
    if (!IsPresetName(name) || name == "original" || name == "info") {
      return InvalidField(option, "'" + name +
                                      "' can not name a preset; expected 1 to 32 characters of "
                                      "a-z, 0-9 and dash, not 'original' or 'info'");
    }
    if (!seen.insert(name).second) return InvalidField(option, "'" + name + "' is given twice");
    const absl::StatusOr<Recipe> recipe = ParseRecipe(text);
    if (!recipe.ok()) return Annotate(recipe.status(), option + "." + name);
    presets.push_back({name, CanonicalText(*recipe)});
  }
  return presets;
}

absl::StatusOr<std::vector<int>> LadderSidesOf(const Options& options,
                                               const std::vector<NamedRecipe>& presets) {
  constexpr size_t kMostSides = 4;  // each is one more encode of every upload
  std::vector<int> sides;
  for (const std::string& text : options.ladder_sides) {
    int side = 0;
    if (text == "auto") {
      std::vector<Recipe> recipes;
      for (const NamedRecipe& preset : presets) {
        SR_ASSIGN_OR_RETURN(recipes.emplace_back(), ParseRecipe(preset.recipe));
      }
      const std::vector<int> derived = LadderSidesFor(recipes);
      sides.insert(sides.end(), derived.begin(), derived.end());
    } else if (absl::SimpleAtoi(text, &side) && side >= 16 && side <= kMaxSide) {
      sides.push_back(side);
    } else {
      return InvalidField("ladder.sides", "expected auto or 16 to " + std::to_string(kMaxSide) +
                                              " pixels, not '" + text + "'");
    }
  }
  if (sides.size() > kMostSides) {
    return InvalidField("ladder.sides", "expected at most " + std::to_string(kMostSides));
  }
  return sides;
}

}  // namespace stockroom::api
