// What writers, merges and the grouping of near duplicates share: the snapshot that readers have,
// and what has to change in one step with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/exec/snapshot.h"
#include "services/api/search/index_metrics.h"
#include "services/api/search/store/content_hash.h"
#include "services/api/search/store/document_store.h"
#include "services/api/search/suggest/suggestions.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// The last ids that were deleted, which stay deleted whatever comes late.
class Tombstones {
 public:
  explicit Tombstones(size_t most) : most_(most) {}
  void Add(const std::string& id);
  bool Has(const std::string& id) const { return ids_.contains(id); }

 private:
  const size_t most_;
  absl::flat_hash_set<std::string> ids_;
  std::deque<std::string> in_order_;
};

// Memory beside a segment.
struct BytesBeside {
  uint64_t live = 0;  // bits and popularity
  uint64_t tags = 0;  // SegmentHints
  uint64_t clusters = 0;
  uint64_t all() const { return live + tags + clusters; }
};

struct IndexState {
  // Ids that stay deleted. An older deletion than that would have to be overtaken by an Apply that
  // is tens of thousands of deletions late to be undone.
  static constexpr size_t kTombstones = 65536;
  // Of clusters that lost an image, until the next grouping.
  static constexpr size_t kMostLeft = 65536;

  IndexState(std::unique_ptr<DocumentStore> store, IndexMetrics& index_metrics)
      : documents(std::move(store)), metrics(index_metrics) {}

  // Makes `next` the one that readers get, with its sums counted.
  void Publish(std::shared_ptr<Snapshot> next) SR_REQUIRES(mu);
  // An image is in this cluster no more; 0: it was in none.
  void LeaveCluster(uint32_t cluster) SR_REQUIRES(mu) {
    if (cluster != 0 && left_clusters.size() < kMostLeft) left_clusters.push_back(cluster);
  }
  // A loose column of the document is changed.
  void Touch(const Segment* segment, Doc doc) SR_REQUIRES(mu) {
    if (busy.contains(segment)) touched[segment].insert(doc);
  }
  // A copy of the snapshot, to be changed and published.
  std::shared_ptr<Snapshot> Copy() const SR_REQUIRES(mu);
  // Memory of segments and what lies beside them: bits, popularity, clusters.
  static uint64_t BytesOf(const Snapshot& snapshot);
  static BytesBeside BytesBesideOf(const SegmentState& state);

  const std::unique_ptr<DocumentStore> documents;
  const std::unique_ptr<Suggestions> suggestions = Suggestions::Create();
  IndexMetrics& metrics;
  SnapshotCell cell;  // readers: without the lock

  // Held while a snapshot is made and published: microseconds, or a few milliseconds at the end of
  // a large merge. Readers never wait for it.
  Mutex mu;
  Tombstones tombstones SR_GUARDED_BY(mu){kTombstones};
  ContentSums sums SR_GUARDED_BY(mu){};
  // Being merged.
  absl::flat_hash_set<const Segment*> busy SR_GUARDED_BY(mu);
  // Of those that are busy, the documents whose popularity or cluster changed since.
  absl::flat_hash_map<const Segment*, absl::flat_hash_set<Doc>> touched SR_GUARDED_BY(mu);
  // Documents with a hash that has not been compared yet, by segment: bounded by the segments.
  absl::flat_hash_map<const Segment*, std::vector<Doc>> unclustered SR_GUARDED_BY(mu);
  // Clusters that an image left. Past kMostLeft they are forgotten: a cluster then keeps its 48
  // bytes for nothing.
  std::vector<uint32_t> left_clusters SR_GUARDED_BY(mu);
  std::atomic<bool> over_budget{false};
  // IndexLoading::BeginLoading was called. Changed while nobody applies anything.
  std::atomic<bool> loading{false};
};

// Bits of a segment's documents by what they are, for those of `live`.
SegmentState StateOf(std::shared_ptr<const Segment> segment, DocBits live);

bool Has(const Segment& segment, Doc doc, HasField field);
std::optional<PdqWords> PdqOf(const Segment& segment, Doc doc);

}  // namespace stockroom::api
