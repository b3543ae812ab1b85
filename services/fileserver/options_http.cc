// The part of the options that is about the HTTP port.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/service_main.h"
#include "services/common/base/status.h"
#include "services/fileserver/options.h"

namespace stockroom::fileserver {

void DeclareHttp(ConfigSchema& schema, Options& o) {
  schema.Text("http.public_url", &o.http_public_url,
              "What signed URLs begin with: the address by which clients reach the HTTP port, "
              "through a proxy perhaps, which may add a path but must leave the rest as it is. "
              "Empty: http.listen; if that is no address of one machine, no URLs are signed.");
  schema.Text("http.signing_key_file", &o.http_signing_key_file,
              "File of keys for signed URLs, one a line, at least 16 characters each: the first "
              "signs, all of them verify. Read at start. Replicas need the same. Empty: a key that "
              "is made at the first start and kept in data_dir.");
  schema.TextList("http.cors_origins", &o.http_cors_origins,
                  "Origins (https://photos.example) whose pages may read answers and upload from "
                  "the browser; * for all, which lets nobody do more than their URLs allow.");
  DeclareTls(schema, "http.tls_", "client_ca", &o.http_tls, "TLS of the HTTP port.",
             "PEM file of the authorities that clients' certificates must be from. Empty: clients "
             "need none.");
  schema.Integer("http.threads", &o.http_threads, 1, 64,
                 "Event loop threads. They never wait for a disk, so few feed many connections.");
  schema.Integer("http.max_connections", &o.http_max_connections, 1, 1'000'000,
                 "Open connections; each costs a descriptor and about 20 KiB. Past it: 503.");
  schema.Integer("http.max_requests", &o.http_max_requests, 1, 1'000'000,
                 "Requests that wait for a disk, or send a body, at once. Past it: 503.");
  schema.Integer("http.max_header_bytes", &o.http_max_header_bytes, 1 << 10, 1 << 20,
                 "Request line and header fields together. Past it: 431.");
  schema.Duration("http.header_deadline", &o.http_header_deadline, absl::Milliseconds(100),
                  absl::Minutes(10), "Longest from a request's first byte to the end of its head.");
  schema.Duration("http.idle_timeout", &o.http_idle_timeout, absl::Milliseconds(100),
                  absl::Hours(1), "How long a connection may lie idle between requests.");
  schema.Duration("http.stall_timeout", &o.http_stall_timeout, absl::Milliseconds(100),
                  absl::Hours(1),
                  "Longest pause of a client that sends a body or takes an answer.");
  schema.Integer("http.min_bytes_per_second", &o.http_min_bytes_per_second, 0, 1 << 30,
                 "Slower senders of bodies and takers of answers are cut off, after 10 s of grace: "
                 "they would hold their connection for ever. 0: only pauses are.");
  schema.Integer("http.open_files", &o.http_open_files, 0, 1'000'000,
                 "Stored files that are kept open for the next request; each is a descriptor.");
  schema.Integer(
      "http.open_file_bytes", &o.http_open_file_bytes, 0, int64_t{1} << 40,
      "Memory for the bytes of those that have at most 64 KiB: thumbnails that are asked "
      "for often. 0: none.");
  schema.Duration("http.open_file_age", &o.http_open_file_age, absl::Milliseconds(100),
                  absl::Minutes(10),
                  "For how long. What is deleted can be read, and takes its space, until then.");
}

absl::Status ValidateHttp(const Options& options) {
  SR_RETURN_IF_ERROR(CheckTlsPair("http.tls_", "client_ca", options.http_tls));
  const std::string& url = options.http_public_url;
  if (url.empty()) return absl::OkStatus();
  const bool http = absl::StartsWith(url, "http://") || absl::StartsWith(url, "https://");
  if (!http || url.find_first_of("?# \t") != std::string::npos || url.ends_with("//")) {
    return InvalidField("http.public_url",
                        "must look like https://files.example or https://example.com/files");
  }
  return absl::OkStatus();
}

std::string PublicUrlOf(const Options& options) {
  std::string url = options.http_public_url;
  if (!url.empty()) {
    if (url.back() == '/') url.pop_back();
    return url;
  }
  const absl::StatusOr<HostPort> address = ParseHostPort(options.http_listen);
  const bool of_one_machine = address.ok() && address->port != 0 && !address->host.empty() &&
                              address->host != "0.0.0.0" && address->host != "::";
  if (!of_one_machine) return "";
  return absl::StrCat(options.http_tls.empty() ? "http://" : "https://", options.http_listen);
}

}  // namespace stockroom::fileserver
