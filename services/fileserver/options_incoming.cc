// The part of the options that is about direct uploads.
#include "services/fileserver/options.h"

namespace stockroom::fileserver {

void DeclareIncoming(ConfigSchema& schema, Options& o) {
  schema.Integer("incoming.max_count", &o.incoming_max_count, 1, 1'000'000,
                 "Direct uploads that are announced and not removed. Each has a folder with up to "
                 "three files. Past it callers are told to come back.");
  schema.Duration("incoming.max_lifetime", &o.incoming_max_lifetime, absl::Minutes(1),
                  absl::Hours(24 * 365),
                  "Longest that a direct upload may take: its URLs work for so long.");
  schema.Duration("incoming.keep_expired", &o.incoming_keep_expired, absl::Minutes(1),
                  absl::Hours(24 * 30),
                  "For how long what has arrived of an expired upload can still be completed. The "
                  "api removes what is over, so this matters only while no api runs.");
  schema.Integer("incoming.max_writers", &o.incoming_max_writers, 1, 100'000,
                 "Requests that bring bytes of direct uploads at once. Past it clients are told to "
                 "come back.");
  schema.Integer("incoming.max_completions", &o.incoming_max_completions, 1, 1024,
                 "Direct uploads that are verified and stored at once. Each keeps one of "
                 "disk.threads busy.");
}

}  // namespace stockroom::fileserver
