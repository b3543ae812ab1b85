#include "services/fileserver/options.h"

#include "services/common/base/service_main.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {

ConfigSchema SchemaFor(Options& options) {
  constexpr int64_t kMost = int64_t{1} << 50;
  ConfigSchema schema("fileserver");
  schema.Text("listen", &options.listen, "Address of the gRPC BlobService, host:port.");
  schema.Text("http.listen", &options.http_listen,
              "Address of the HTTP port (signed URLs, /healthz, /readyz, /metrics), host:port.");
  DeclareHttp(schema, options);
  DeclareIncoming(schema, options);
  schema.Text("data_dir", &options.data_dir,
              "Directory of blobs and renditions, on ext4 or xfs. Of one file server only.");
  DeclareBackend(schema, options);
  DeclareMirror(schema, options);
  schema.Boolean("allow_anonymous", &options.allow_anonymous,
                 "Allow addresses other than loopback although nobody has to log in.");
  schema.Boolean("grpc.reflection", &options.reflection, "Serve gRPC reflection, for grpcurl.");
  DeclareTls(schema, "tls.", "ca", &options.tls, "Mutual TLS of the gRPC port.",
             "PEM file of the authorities that clients' certificates must be from.");
  schema.Integer("limits.max_blob_bytes", &options.max_blob_bytes, 1, kMost, "Largest original.");
  schema.Integer("limits.max_rendition_bytes", &options.max_rendition_bytes, 1, int64_t{1} << 30,
                 "Largest rendition.");
  schema.Integer("limits.max_uploads", &options.max_uploads, 1, 100'000,
                 "Uploads that run at once, of blobs and of renditions each. Past it callers are "
                 "told to come back.");
  schema.Integer("limits.max_downloads", &options.max_downloads, 1, 100'000,
                 "Downloads that run at once, of blobs and of renditions each.");
  schema.Integer("limits.reserve_bytes", &options.reserve_bytes, 0, kMost,
                 "Uploads are refused, and health turns red, when less than this is free on the "
                 "disk.");
  schema.Integer("renditions.max_bytes", &options.renditions_max_bytes, 0, kMost,
                 "What stored renditions may take on the disk; those that were not used for the "
                 "longest time are deleted. 0: half of what is free without them.");
  schema.Duration("collect.min_untouched", &options.collect_min_untouched, absl::ZeroDuration(),
                  absl::Hours(24 * 365),
                  "A collector that wants to delete younger blobs than this is refused.");
  schema.Duration("scrub.period", &options.scrub_period, absl::ZeroDuration(),
                  absl::Hours(24 * 365),
                  "What reading and checking everything that is kept may take; it is then begun "
                  "again. 0: only when somebody asks for it.");
  schema.Integer("scrub.bytes_per_second", &options.scrub_bytes_per_second, 0, kMost,
                 "The most that this reads, also when it is behind its time. 0: no limit.");
  schema.Integer("scrub.max_damaged", &options.scrub_max_damaged, 0, 1'000'000,
                 "It halts when more originals than this are damaged: then memory or disk are "
                 "broken, and moving more of them away would do harm.");
  schema.Integer("disk.threads", &options.disk_threads, 1, 1024,
                 "Threads for disk work: how many reads, writes and syncs run at once.");
  schema.Integer("disk.queue", &options.disk_queue, 1, 1'000'000,
                 "Calls that may wait for such a thread. Past it callers are told to come back.");
  schema.Integer("hash.threads", &options.hash_threads, 1, 1024,
                 "Threads that hash long uploads while others receive and write them: one for "
                 "SHA-256 and one for MD5 keep up with one upload.");
  schema.Duration("health.probe_interval", &options.probe_interval, absl::Milliseconds(100),
                  absl::Hours(1), "How often the store is asked whether it can write.");
  schema.Duration("drain_limit", &options.drain_limit, absl::ZeroDuration(), absl::Hours(1),
                  "How long running transfers may go on after SIGTERM.");
  DeclareLogLevel(schema, &options.log_level);
  return schema;
}

absl::Status Validate(const Options& options) {
  SR_RETURN_IF_ERROR(CheckMayBind("listen", options.listen, options.allow_anonymous));
  SR_RETURN_IF_ERROR(CheckMayBind("http.listen", options.http_listen, options.allow_anonymous));
  SR_RETURN_IF_ERROR(CheckMutualTls("tls.", options.tls));
  SR_RETURN_IF_ERROR(ValidateHttp(options));
  SR_RETURN_IF_ERROR(ValidateBackend(options));
  SR_RETURN_IF_ERROR(ValidateMirror(options));
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
