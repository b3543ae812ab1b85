// The leaves of a plan, for plan.cc. Each appends nodes that must all hold; false: nothing of the
// segment can match.
#pragma once

#include "services/api/search/exec/plan.h"

namespace stockroom::api {

struct LeafPlanner {
  const uint32_t number;
  PlanContext& context;
  PlanParts& parts;

  const SegmentState& state() const { return context.snapshot().segments[number]; }
  const Segment& segment() const { return *state().segment; }

  // plan_words.cc
  bool operator()(const WordsNode& node);
  bool operator()(const TagNode& node);
  bool operator()(const DescriptionNode& node);
  // plan_values.cc
  bool operator()(const ValueNode& node);
  bool operator()(const OrientationNode& node);
  bool operator()(const RangeNode& node);
  bool operator()(const DatePattern& node);
  bool operator()(const HasNode& node);
  bool operator()(const Md5Node& node);
  // plan_looks.cc
  bool operator()(const NearNode& node);
  bool operator()(const ColorNode& node);
  bool operator()(const HashNode& node);
  bool operator()(const SimilarNode& node);
};

// Asks `test(Doc)` of every document.
template <typename Test>
class TestPlan final : public PlanNode {
 public:
  TestPlan(Cost cost, double estimate, Test test)
      : PlanNode(cost, estimate), test_(std::move(test)) {}

 private:
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    const Doc base = chunk * kChunkDocs;
    set.Filter([&](uint16_t low) { return test_(base + low); });
  }
  void DropIn(uint32_t chunk, ChunkSet& set) override {
    const Doc base = chunk * kChunkDocs;
    set.Filter([&](uint16_t low) { return !test_(base + low); });
  }

  const Test test_;
};

// `share`: of the segment's documents, what may match.
template <typename Test>
void AddTest(LeafPlanner& planner, PlanNode::Cost cost, double share, Test test) {
  planner.parts.push_back(
      std::make_unique<TestPlan<Test>>(cost, share * planner.segment().docs(), std::move(test)));
}

}  // namespace stockroom::api
