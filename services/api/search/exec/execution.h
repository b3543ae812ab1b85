// One search on its way: what execute.cc is made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/api/search/exec/budget.h"
#include "services/api/search/exec/execute.h"
#include "services/api/search/exec/findable.h"
#include "services/api/search/exec/matches.h"
#include "services/api/search/exec/order.h"
#include "services/api/search/exec/plan.h"
#include "services/api/search/exec/ranking.h"

namespace stockroom::api {

class Execution {
 public:
  // Both must outlive it.
  Execution(const Snapshot& snapshot, const ExecuteRequest& request);

  // First, if at all: from now on no more than a Budget is spent. False: it is too little.
  bool Limit();
  // The errors of Execute.
  absl::Status Prepare();
  // Once, after Prepare. Says little if it gave up.
  ExecuteResult Run();
  // What it was limited to did not do.
  bool gave_up() const { return gave_up_; }

 private:
  // A segment. Also one without a plan is walked through, so that an estimated total does not tell
  // apart what holds no such word from what hides one.
  struct Part {
    uint32_t number = 0;
    const SegmentState* state = nullptr;
    Findable findable;
    // Made when the first chunk is looked at: most pages are full before the oldest segments are.
    bool is_planned = false;
    std::unique_ptr<PlanNode> plan = nullptr;  // null: nothing matches
    std::unique_ptr<Ranker> ranker = nullptr;  // with kRelevance

    const Segment& segment() const { return *state->segment; }
    uint32_t chunks() const { return state->segment->chunks(); }
  };

  absl::Status CheckCursor() const;
  absl::Status FindTarget();
  void MakeParts();
  void Plan(Part& part);

  // What of the chunk matches; counts it.
  void Evaluate(Part& part, uint32_t chunk, ChunkSet& set);

  // Whether every chunk must be looked at, whatever is found.
  bool NeedsAll() const;
  void RunThroughAll(ExecuteResult& result);
  void OfferAll(Part& part, uint32_t chunk, const ChunkSet& set, TopHits& top);
  void OfferNewest(Part& part, uint32_t chunk, const ChunkSet& set, TopHits& top);
  // Stops as soon as the page is full.
  void RunNewest(ExecuteResult& result);
  void EstimateTotal(ExecuteResult& result) const;

  void Fill(std::vector<RankedHit> hits, ExecuteResult& result) const;
  std::string Explain(const ExecuteResult& result);

  const Snapshot& snapshot_;
  const ExecuteRequest& request_;
  PlanContext context_;
  std::optional<Budget> budget_;
  bool gave_up_ = false;
  std::optional<PdqWords> target_;  // with kSimilar
  std::vector<Wanted> words_;       // with kRelevance, as weights_
  std::vector<float> weights_;
  std::vector<Part> parts_;

  int64_t matched_ = 0;
  // Of Findable::main in the chunks that were looked at.
  uint64_t looked_at_ = 0;
  uint64_t chunks_looked_at_ = 0;
};

}  // namespace stockroom::api
