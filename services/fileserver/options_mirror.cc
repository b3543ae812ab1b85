// The keys mirror.*: a local disk with a second copy in S3.
#include "services/common/base/status.h"
#include "services/fileserver/options.h"

namespace stockroom::fileserver {

void DeclareMirror(ConfigSchema& schema, Options& o) {
  schema.Boolean("mirror.wait", &o.mirror_wait,
                 "With backend: mirror: acknowledge an original only once S3 has it, too; uploads "
                 "then fail while S3 is away. Else the local disk is enough, and S3 follows.");
  schema.Duration("mirror.wait_timeout", &o.mirror_wait_timeout, absl::Milliseconds(100),
                  absl::Minutes(10), "The longest that an upload waits for that.");
  schema.Integer("mirror.threads", &o.mirror_threads, 1, 256,
                 "Originals that are brought to S3, deleted there or brought back at once.");
  schema.Integer("mirror.max_backlog", &o.mirror_max_backlog, 2, 10'000'000,
                 "Originals that may wait for that, at 200 bytes of memory each. Past it uploads "
                 "go on, nothing is collected, and both copies are compared as a whole later.");
  schema.Duration("mirror.compare_period", &o.mirror_compare_period, absl::ZeroDuration(),
                  absl::Hours(24 * 365),
                  "How often both are compared as a whole, by listing them. 0: only when it has "
                  "to be, as for a new disk or bucket.");
}

absl::Status ValidateMirror(const Options& options) {
  if (options.backend != "mirror") return absl::OkStatus();
  if (options.data_dir.empty()) return InvalidField("data_dir", "must name a directory");
  if (options.s3_presign) {
    return InvalidField("s3.presign", "is for backend: s3; a mirror's bucket may lag behind");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
