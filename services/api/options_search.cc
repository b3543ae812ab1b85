// The part of the options that is about the search index.
#include "services/api/options.h"

namespace stockroom::api {

void DeclareSearch(ConfigSchema& schema, Options& o) {
  schema.Text("search.folder", &o.search_folder,
              "Where this api keeps its search index, so that a restart takes about a second; a "
              "local disk, a folder for each api. A cache: it may be deleted while the api is "
              "stopped. Empty: nothing is kept, and every start reads the whole database.");
  schema.Duration("search.checkpoint_every", &o.search_checkpoint_every, absl::Seconds(1),
                  absl::Hours(24),
                  "How often the index is written there. A restart reads the changes since then "
                  "from the database.");
  schema.Integer("search.memory_budget_bytes", &o.search_memory_budget_bytes, 0, int64_t{1} << 44,
                 "Memory that the search index may take, besides the files that the system keeps "
                 "in memory while there is room. Past it, how new images look is left out: they "
                 "are found by words and filters only. An image takes about 200 bytes. 0: no "
                 "bound.");
}

}  // namespace stockroom::api
