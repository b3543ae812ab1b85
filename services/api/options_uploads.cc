// What can be configured about direct uploads.
#include "services/api/options.h"

namespace stockroom::api {

void DeclareUploads(ConfigSchema& schema, Options& o) {
  schema.Boolean("uploads.direct", &o.uploads_direct,
                 "Take direct uploads: clients send their bytes to the file server (or to S3) by "
                 "signed URLs. Clients must reach its http.public_url.");
  schema.Duration("uploads.expiry", &o.uploads_expiry, absl::Seconds(1), absl::Hours(24 * 7),
                  "How long a direct upload may take from its announcement to its last byte; its "
                  "URLs work so long. Not more than the file server's incoming.max_lifetime.");
  schema.Integer("uploads.max_open", &o.uploads_max_open, 1, 1'000'000,
                 "Direct uploads that one owner may have open. Each holds a row and a place on the "
                 "file server, and counts against the owner's quota.");
  schema.Integer("uploads.max_completing", &o.uploads_max_completing, 1, 1024,
                 "Direct uploads that are being completed at the same time: the file server reads "
                 "and hashes each. Past it callers get RESOURCE_EXHAUSTED.");
  schema.Duration("uploads.reconcile_after", &o.uploads_reconcile_after, absl::Milliseconds(10),
                  absl::Hours(1),
                  "How long after its announcement to look for a direct upload that is whole and "
                  "was never completed; then twice as long, and so on up to 15 minutes.");
  schema.Duration("uploads.reconcile_poll", &o.uploads_reconcile_poll, absl::Milliseconds(10),
                  absl::Minutes(10), "How often to look which direct uploads are due for that.");
  schema.Duration("uploads.keep_ended", &o.uploads_keep_ended, absl::Seconds(1),
                  absl::Hours(24 * 30),
                  "How long the end of a direct upload can be looked up; one row each.");
  schema.Duration("uploads.max_url_lifetime", &o.uploads_max_url_lifetime, absl::Seconds(1),
                  absl::Hours(24 * 7),
                  "Longest life of a signed URL of an original. Whoever has one reads that "
                  "original until then, whatever becomes of the image.");
}

}  // namespace stockroom::api
