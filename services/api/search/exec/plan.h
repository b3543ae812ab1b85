// A query, made ready for one segment: a tree of nodes that narrow a chunk's set down. For one
// search and thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/execute.h"
#include "services/api/search/exec/query_words.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// What a node of the query did, summed over segments and chunks; only if an explanation is wanted.
struct NodeTrace {
  uint64_t asked = 0;  // documents that it was asked about: all may be found by the viewer
  uint64_t kept = 0;
  int64_t nanos = 0;    // with its parts
  double estimate = 0;  // of all segments
};

class PlanNode {
 public:
  // What looking at a document costs: the parts of an AND are asked in this order.
  enum class Cost : uint8_t { kPostings, kRange, kColumn, kHash, kPalette, kStored };

  PlanNode(Cost cost, double estimate) : cost_(cost), estimate_(estimate) {}
  virtual ~PlanNode() = default;
  PlanNode(const PlanNode&) = delete;
  PlanNode& operator=(const PlanNode&) = delete;

  // Keeps what matches, or what does not.
  void Keep(uint32_t chunk, ChunkSet& set);
  void Drop(uint32_t chunk, ChunkSet& set);
  // Sets the bits of all matches of the chunk, also of those that nobody asked for, where that is
  // the cheapest; false: use Keep.
  virtual bool AddAll(uint32_t chunk, uint64_t* bits) const;

  Cost cost() const { return cost_; }
  // Matching documents of the segment, roughly; for ordering only, since what may not be found
  // counts, too.
  double estimate() const { return estimate_; }
  void set_trace(NodeTrace* trace) {
    trace_ = trace;
    trace->estimate += estimate_;
  }

 protected:
  // Called with sets that are not empty.
  virtual void KeepIn(uint32_t chunk, ChunkSet& set) = 0;
  virtual void DropIn(uint32_t chunk, ChunkSet& set);

 private:
  const Cost cost_;
  const double estimate_;
  NodeTrace* trace_ = nullptr;
};

using PlanParts = std::vector<std::unique_ptr<PlanNode>>;

// What a query's nodes need to know, the same for all segments.
class PlanContext {
 public:
  PlanContext(const Snapshot& snapshot, const ExecuteRequest& request);

  const Snapshot& snapshot() const { return snapshot_; }
  const ExecuteRequest& request() const { return request_; }
  QueryWords& words() { return words_; }
  // The hash of an image that the viewer may read; none if there is no such image or hash.
  std::optional<PdqWords> HashOf(const std::string& id);
  // Whether it is there and the viewer may read it.
  bool MayRead(const std::string& id) const;
  // Null without an explanation.
  NodeTrace* TraceOf(const QueryNode& node);

 private:
  const Snapshot& snapshot_;
  const ExecuteRequest& request_;
  QueryWords words_;
  std::unordered_map<std::string, std::optional<PdqWords>> hashes_;
  std::unordered_map<const QueryNode*, NodeTrace> traces_;
};

// For the snapshot's segment of this number. Null: nothing of it matches. `context` must outlive
// it.
std::unique_ptr<PlanNode> PlanFor(const QueryNode& node, uint32_t number, PlanContext& context);

// The documents that one word stands for; null: none.
std::unique_ptr<PlanNode> PlanForTerms(const Segment& segment, std::vector<TermOrd> terms,
                                       Payload mask);

}  // namespace stockroom::api
