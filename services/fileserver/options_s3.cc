// The part of the options that chooses where bytes lie.
#include "services/common/base/status.h"
#include "services/common/s3/address.h"
#include "services/fileserver/options.h"

namespace stockroom::fileserver {
namespace {

// The sums of larger ones would not fit the memory of a reader; S3 itself ends at 5 TiB.
constexpr int64_t kMostS3BlobBytes = int64_t{1} << 40;

}  // namespace

void DeclareBackend(ConfigSchema& schema, Options& o) {
  constexpr int64_t kMebi = 1 << 20;
  schema.Choice("backend", &o.backend, {"local", "s3", "mirror"},
                "Where blobs and renditions lie: local (data_dir), s3 (the keys s3.*; data_dir "
                "is then not used, and any number of file servers may share one bucket) or mirror "
                "(data_dir, and a copy of every blob in a bucket of its own; see mirror.*).");
  schema.Text("s3.url", &o.s3_url,
              "https://endpoint/bucket or https://endpoint/bucket/prefix. The bucket must exist.");
  schema.Text("s3.region", &o.s3_region, "Region of the bucket, as requests are signed for it.");
  schema.Choice("s3.style", &o.s3_style, {"auto", "path", "virtual"},
                "Where the bucket's name goes in URLs: path, or virtual (in the host name). auto: "
                "virtual at AWS, path elsewhere.");
  schema.Boolean("s3.allow_http", &o.s3_allow_http,
                 "Allow an s3.url that begins with http:// and leads to another machine.");
  schema.Text("s3.ca_file", &o.s3_ca_file,
              "PEM file of the authorities that the server's certificate may be from. Empty: the "
              "system's.");
  schema.Text("s3.credentials_file", &o.s3_credentials_file,
              "File with aws_access_key_id, aws_secret_access_key and perhaps aws_session_token "
              "below [default]; looked at again every ten seconds. Empty: AWS_ACCESS_KEY_ID, "
              "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment.");
  schema.Text("s3.spool_dir", &o.s3_spool_dir,
              "Directory for bytes on their way to S3, on ext4 or xfs; needs limits.max_uploads "
              "times the usual size of an original. Holds nothing across a restart but the key of "
              "signed URLs, if http.signing_key_file names none.");
  schema.Integer("s3.part_bytes", &o.s3_part_bytes, 5 * kMebi, 5 * 1024 * kMebi,
                 "Larger blobs are sent in parts of this size, four at a time.");
  schema.Integer("s3.max_connections", &o.s3_max_connections, 1, 10'000,
                 "Requests to the server that run at once. Further ones wait.");
  schema.Integer("s3.attempts", &o.s3_attempts, 1, 20,
                 "How often one request is sent while the server is busy or away.");
  schema.Duration("s3.connect_timeout", &o.s3_connect_timeout, absl::Milliseconds(10),
                  absl::Minutes(5), "Longest time to connect.");
  schema.Duration("s3.timeout", &o.s3_timeout, absl::Milliseconds(100), absl::Hours(1),
                  "Longest time for one attempt of a request; those that carry bytes get a second "
                  "more for each 256 KiB.");
  schema.Duration("s3.stall_timeout", &o.s3_stall_timeout, absl::Seconds(1), absl::Hours(1),
                  "A transfer that moves less than 1 KiB a second for so long is given up.");
  schema.Integer("s3.read_ahead_bytes", &o.s3_read_ahead_bytes, 256 << 10, 1024 * kMebi,
                 "Most that one request fetches of a blob that somebody reads on and on.");
  schema.Integer("s3.read_memory_bytes", &o.s3_read_memory_bytes, 0, int64_t{1} << 40,
                 "Memory for what was fetched and not yet sent, of all downloads together. Past "
                 "it nothing is read ahead.");
  schema.Boolean("s3.presign", &o.s3_presign,
                 "Send clients straight to the bucket, by presigned URLs, to read originals and to "
                 "upload in one request. It needs a CORS rule there if browsers do.");
  schema.Text("s3.public_url", &o.s3_public_url,
              "The bucket as clients reach it, written like s3.url, for presigned URLs. Empty: "
              "s3.url.");
}

absl::Status ValidateBackend(const Options& options) {
  if (options.backend == "local") {
    if (options.data_dir.empty()) return InvalidField("data_dir", "must name a directory");
    return absl::OkStatus();
  }
  if (options.s3_url.empty())
    return InvalidField("s3.url", "is needed for backend: " + options.backend);
  if (options.s3_region.empty()) return InvalidField("s3.region", "must not be empty");
  if (options.s3_spool_dir.empty()) return InvalidField("s3.spool_dir", "must name a directory");
  if (options.max_blob_bytes > kMostS3BlobBytes) {
    return InvalidField("limits.max_blob_bytes", "must be at most 1 TiB for backend: s3");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
