// Use case: images are made anew from their originals, after presets changed or files were lost.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/search_index.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

struct ReprocessRequest {
  enum class Which {
    kOne,       // `id`, also if it is quarantined
    kQuery,     // what a search for `query` finds
    kOutdated,  // made under other presets or by another engine than now
    kAll,
  };
  Which which = Which::kOne;
  std::string id;
  std::string query;
  // `next_page_token` of the call before.
  std::string page_token;
};

struct ReprocessResult {
  int64_t queued = 0;
  // Not empty: there are more images than one call takes.
  std::string next_page_token;
};

// Queues at background priority: uploads go first. Only images that the caller may change; the
// others are passed over, but for kOne. Images that have a job already are not counted.
// Thread-safe; blocks on the store.
class Reprocessing {
 public:
  struct Options {
    // WorkPlanOf the configuration.
    std::string work_plan;
    int batch = 500;
    // Of one call, so that a million images are no one call's business.
    int batches_per_call = 10;
  };
  // `on_queued` runs when there is new work; it must not block.
  Reprocessing(Options options, MetadataStore& store, SearchIndex& index, Clock& clock,
               std::function<void()> on_queued);

  // INVALID_ARGUMENT (a bad id, query or token), NOT_FOUND, PERMISSION_DENIED (kOne).
  absl::StatusOr<ReprocessResult> Queue(const CallContext& context, const Principal& who,
                                        const ReprocessRequest& request);

 private:
  struct Batch {
    std::vector<std::string> ids;
    std::string next_page_token;
  };
  absl::StatusOr<int64_t> QueueOne(const CallContext& context, const Principal& who,
                                   const std::string& id);
  absl::StatusOr<Batch> NextBatch(const Principal& who, const ReprocessRequest& request,
                                  const std::string& page_token);
  absl::StatusOr<Batch> Find(const Principal& who, const std::string& query,
                             const std::string& page_token);
  absl::StatusOr<Batch> List(const Principal& who, const std::string& work_plan,
                             const std::string& page_token);
  absl::StatusOr<int64_t> Enqueue(const CallContext& context, const std::vector<std::string>& ids);

  const Options options_;
  MetadataStore& store_;
  SearchIndex& index_;
  Clock& clock_;
  const std::function<void()> on_queued_;
};

}  // namespace stockroom::api
