#include "services/imageproc/options.h"

#include <algorithm>
#include <thread>

#include "services/common/base/service_main.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {

ConfigSchema SchemaFor(Options& options) {
  ConfigSchema schema("imageproc");
  schema.Text("listen", &options.listen, "Address of the gRPC WorkService, host:port.");
  schema.Text("http.listen", &options.http_listen,
              "Address of the HTTP port (/healthz, /readyz, /metrics), host:port.");
  schema.Boolean("allow_anonymous", &options.allow_anonymous,
                 "Allow addresses other than loopback although nobody has to log in.");
  schema.Boolean("grpc.reflection", &options.reflection, "Serve gRPC reflection, for grpcurl.");
  schema.Text("fileserver.address", &options.fileserver_address,
              "The file server's gRPC address, host:port or a gRPC name such as dns:///name:port.");
  schema.Integer("fileserver.connections", &options.fileserver_connections, 1, 64,
                 "Connections to the file server.");
  schema.Text("fileserver.tls_name", &options.fileserver_tls_name,
              "Name that the file server's certificate must have; empty: the host of its address.");
  DeclareTls(schema, "tls.", "ca", &options.tls,
             "Mutual TLS of the gRPC port and of the connections to the file server.",
             "PEM file of the authorities that the certificates of others must be from.");
  schema.Integer("slots.decoders", &options.decoders, 0, 1024,
                 "Images of jobs decoded at one time; 0: one for each core.");
  schema.Integer("slots.renders", &options.render_slots, 0, 1024,
                 "Images decoded on top of these, for renders only: somebody waits for them, and "
                 "they share the cores better than they wait for a job to end.");
  schema.Integer("slots.memory_bytes", &options.slots_memory_bytes, int64_t{64} << 20,
                 int64_t{1} << 40,
                 "Memory that all decoders at work are predicted to need. What needs more by "
                 "itself runs alone.");
  schema.Integer("slots.prefetch", &options.prefetch, 0, 1024,
                 "Jobs on top of these, so that originals are fetched and renditions stored while "
                 "others are decoded.");
  schema.Duration("slots.credit_ttl", &options.credit_ttl, absl::Milliseconds(100),
                  absl::Minutes(1), "How long an api may sit on a slot that it was offered.");
  schema.Duration("render.max_wait", &options.render_max_wait, absl::Milliseconds(10),
                  absl::Minutes(5),
                  "A render that would wait longer for its slot is refused with RESOURCE_EXHAUSTED "
                  "and the time when to come back. Viewers do not wait for ever.");
  schema.Integer("render.max_waiting", &options.render_max_waiting, 1, 4096,
                 "Renders that fetch, wait or decode at once; each is a thread that waits. More "
                 "are refused.");
  schema.Integer("render.max_held_bytes", &options.render_max_held_bytes, 1 << 20, int64_t{1} << 40,
                 "Originals and rungs in memory for renders that wait or decode.");
  schema.Duration("render.expensive", &options.render_expensive, absl::Milliseconds(1),
                  absl::Minutes(1),
                  "Renders of this predicted CPU time never take the last slot, so that small ones "
                  "pass. From a rung they take 10 to 60 ms.");
  schema.Text("decoder.path", &options.decoder_path,
              "The decoder program; empty: stockroom-decoder beside this program.");
  schema.Integer("decoder.spares", &options.decoder_spares, 1, 1024,
                 "Decoder processes started ahead. Each ends after one original.");
  schema.Integer("decoder.memory_bytes", &options.decoder_memory_bytes, 0, int64_t{1} << 40,
                 "Address space of one decoder, at least 384MiB to be of use; 0: no cap.");
  schema.Choice("decoder.walls", &options.decoder_walls, {"available", "strict"},
                "Namespaces around decoders where the machine allows them, or no start without "
                "them. System calls and resources are limited either way.");
  schema.Text("decoder.wide_path", &options.decoder_wide_path,
              "The decoder program for the formats that the first one does not read; empty: "
              "stockroom-decoder-wide beside this program, if there is one.");
  schema.Integer("decoder.wide_spares", &options.decoder_wide_spares, 1, 1024,
                 "Its processes started ahead: fewer, since few images need it.");
  schema.Integer("decoder.lasting_uses", &options.decoder_lasting_uses, 1, 1'000'000,
                 "Requests after which a process that serves Stockroom's own rungs is replaced, so "
                 "that what a library leaks stays small.");
  schema.Integer("decoder.lasting_bytes", &options.decoder_lasting_bytes, int64_t{1} << 20,
                 int64_t{1} << 40, "It is replaced earlier once it holds more memory than this.");
  schema.Integer("limits.max_original_bytes", &options.max_original_bytes, 1, int64_t{1} << 40,
                 "Largest original that is fetched.");
  schema.Integer("limits.max_pixels", &options.max_pixels, 1, int64_t{1} << 40,
                 "Most pixels of an original, all frames together. A job may ask for fewer.");
  schema.Integer("limits.max_rendition_bytes", &options.max_rendition_bytes, 1 << 10,
                 int64_t{1} << 30, "Largest rendition made on demand; it is held in memory.");
  schema.Boolean("limits.allow_svg", &options.allow_svg,
                 "Take SVG, without what it refers to. It is drawn by a large library that has "
                 "seen little hostile input.");
  schema.Duration(
      "limits.max_decode_time", &options.max_decode_time, absl::Milliseconds(100), absl::Hours(1),
      "Longest time for decoding one image, from the moment it has a process. With what "
      "fetching and storing take, one file is done with in 10 s, whatever is in it.");
  schema.Duration("limits.max_job_time", &options.max_job_time, absl::Seconds(1), absl::Hours(1),
                  "Longest time for one job, whatever the api asks for.");
  schema.Duration("drain_limit", &options.drain_limit, absl::ZeroDuration(), absl::Hours(1),
                  "How long running jobs may go on after SIGTERM.");
  DeclareLogLevel(schema, &options.log_level);
  return schema;
}

int DecodersOf(const Options& options) {
  if (options.decoders > 0) return static_cast<int>(options.decoders);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

absl::Status Validate(const Options& options) {
  SR_RETURN_IF_ERROR(CheckMayBind("listen", options.listen, options.allow_anonymous));
  SR_RETURN_IF_ERROR(CheckMayBind("http.listen", options.http_listen, options.allow_anonymous));
  SR_RETURN_IF_ERROR(CheckMutualTls("tls.", options.tls));
  if (options.fileserver_address.empty()) {
    return InvalidField("fileserver.address", "must name the file server");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::imageproc
