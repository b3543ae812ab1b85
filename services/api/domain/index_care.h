// Looking after the search index of this process: does it hold what the database holds, build it
// anew, what does it take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/search_index.h"
#include "services/common/base/call_context.h"

namespace stockroom::api {

struct IndexVerdict {
  int64_t images = 0;  // in the database
  // The same sum over all images, of the index and of the database. Equal unless something is
  // wrong.
  uint64_t index_sum = 0;
  uint64_t database_sum = 0;
  // Ids that the index lacks, has though they are gone, or holds differently: how many there are,
  // and the first kMostNamed of them.
  static constexpr size_t kMostNamed = 100;
  int64_t differing = 0;
  std::vector<std::string> ids = {};
  // Of the change feed, that both were compared at.
  int64_t feed_position = 0;

  friend bool operator==(const IndexVerdict&, const IndexVerdict&) = default;
};

struct IndexRebuilt {
  int64_t images = 0;
  absl::Duration took;
};

struct IndexInfo {
  int64_t images = 0;
  int64_t feed_position = 0;
  std::vector<MemoryPart> parts = {};
  // What the parts in memory may take together; 0: no limit.
  uint64_t budget_bytes = 0;
};

// Thread-safe. Verify and Rebuild read the whole database: they belong on an executor, and one of
// them runs at a time. They end early with the context's error when it is cancelled or its deadline
// passes; the index is then as it was.
//
// Errors of both: UNAVAILABLE (INDEX_LOADING: the index is not whole yet; the database can not be
// read), RESOURCE_EXHAUSTED (CARE_RUNS: one runs already).
class IndexCare {
 public:
  virtual ~IndexCare() = default;

  // Changes nothing. What changes meanwhile is looked at again until it can be told.
  virtual absl::StatusOr<IndexVerdict> Verify(const CallContext& context) = 0;
  // Searches are answered from the old index until the new one is whole. Returns when it is.
  virtual absl::StatusOr<IndexRebuilt> Rebuild(const CallContext& context) = 0;
  // Never blocks.
  virtual IndexInfo Info() const = 0;
};

}  // namespace stockroom::api
