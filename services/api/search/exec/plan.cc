#include "services/api/search/exec/plan.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "services/api/search/exec/plan_parts.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {
namespace {

using Cost = PlanNode::Cost;

// With so few left, asking each part about them beats its whole chunk.
constexpr uint32_t kAskSingly = 256;

class EverythingPlan final : public PlanNode {
 public:
  explicit EverythingPlan(uint32_t docs) : PlanNode(Cost::kRange, docs) {}

 private:
  void KeepIn(uint32_t, ChunkSet&) override {}
  void DropIn(uint32_t, ChunkSet& set) override { set.Clear(); }
};

class AndPlan final : public PlanNode {
 public:
  // Of at least one part. Costs what the first does: only what that leaves is asked of the others.
  explicit AndPlan(PlanParts parts) : AndPlan(Sorted(std::move(parts)), 0) {}

 private:
  AndPlan(PlanParts sorted, int)
      : PlanNode(sorted.front()->cost(), sorted.front()->estimate()), parts_(std::move(sorted)) {}
  static PlanParts Sorted(PlanParts parts) {
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
      return a->cost() != b->cost() ? a->cost() < b->cost() : a->estimate() < b->estimate();
    });
    return parts;
  }
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    for (const auto& part : parts_) {
      if (set.empty()) return;
      part->Keep(chunk, set);
    }
  }

  const PlanParts parts_;
};

class OrPlan final : public PlanNode {
 public:
  OrPlan(PlanParts parts, bool traced)
      : PlanNode(CostOf(parts), EstimateOf(parts)), parts_(std::move(parts)), traced_(traced) {}

  bool AddAll(uint32_t chunk, uint64_t* bits) const override {
    if (traced_ || cost() != Cost::kPostings) return false;
    for (const auto& part : parts_) {
      if (!part->AddAll(chunk, bits)) return false;
    }
    return true;
  }

 private:
  static Cost CostOf(const PlanParts& parts) {
    Cost most = Cost::kPostings;
    for (const auto& part : parts) most = std::max(most, part->cost());
    return most;
  }
  static double EstimateOf(const PlanParts& parts) {
    double sum = 0;
    for (const auto& part : parts) sum += part->estimate();
    return sum;
  }
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    alignas(64) uint64_t any[kChunkWords];
    std::memset(any, 0, sizeof(any));
    const bool singly = traced_ || (set.is_list() && set.listed() <= kAskSingly);
    asked_.clear();
    for (const auto& part : parts_) {
      if (singly || !part->AddAll(chunk, any)) asked_.push_back(part.get());
    }
    for (PlanNode* part : asked_) {
      ChunkSet copy;
      copy.CopyFrom(set);
      // What matches already is not asked about again: it may have to be read for that.
      if (!traced_) copy.Drop(any);
      part->Keep(chunk, copy);
      copy.AddTo(any);
    }
    set.Keep(any);
  }
  void DropIn(uint32_t chunk, ChunkSet& set) override {
    for (const auto& part : parts_) part->Drop(chunk, set);
  }

  const PlanParts parts_;
  const bool traced_;
  std::vector<PlanNode*> asked_;  // of a chunk
};

class NotPlan final : public PlanNode {
 public:
  NotPlan(std::unique_ptr<PlanNode> part, uint32_t docs)
      // Behind the postings of an AND, as it seldom leaves few.
      : PlanNode(std::max(Cost::kRange, part->cost()), std::max(0.0, docs - part->estimate())),
        part_(std::move(part)) {}

 private:
  void KeepIn(uint32_t chunk, ChunkSet& set) override { part_->Drop(chunk, set); }
  void DropIn(uint32_t chunk, ChunkSet& set) override { part_->Keep(chunk, set); }

  const std::unique_ptr<PlanNode> part_;
};

const Segment& SegmentOf(uint32_t number, const PlanContext& context) {
  return *context.snapshot().segments[number].segment;
}

std::unique_ptr<PlanNode> Join(PlanParts parts, const Segment& segment) {
  if (parts.empty()) return std::make_unique<EverythingPlan>(segment.docs());
  if (parts.size() == 1) return std::move(parts[0]);
  return std::make_unique<AndPlan>(std::move(parts));
}

// Appends what must all hold; false: nothing matches.
bool AppendParts(const QueryNode& node, uint32_t number, PlanContext& context, PlanParts& parts) {
  if (std::holds_alternative<EverythingNode>(node.is)) return true;
  if (const auto* all = std::get_if<AndNode>(&node.is)) {
    for (const QueryNode& part : all->parts) {
      // Traced parts stay together, so that each is counted for itself.
      if (context.request().explain) {
        auto plan = PlanFor(part, number, context);
        if (plan == nullptr) return false;
        parts.push_back(std::move(plan));
      } else if (!AppendParts(part, number, context, parts)) {
        return false;
      }
    }
    return true;
  }
  if (const auto* any = std::get_if<OrNode>(&node.is)) {
    PlanParts ways;
    for (const QueryNode& part : any->parts) {
      if (auto plan = PlanFor(part, number, context)) ways.push_back(std::move(plan));
    }
    if (ways.empty()) return false;
    if (ways.size() == 1) {
      parts.push_back(std::move(ways[0]));
    } else {
      parts.push_back(std::make_unique<OrPlan>(std::move(ways), context.request().explain));
    }
    return true;
  }
  if (const auto* no = std::get_if<NotNode>(&node.is)) {
    if (auto plan = PlanFor(no->part[0], number, context)) {
      parts.push_back(
          std::make_unique<NotPlan>(std::move(plan), SegmentOf(number, context).docs()));
    }
    return true;
  }
  LeafPlanner planner{number, context, parts};
  return std::visit(
      [&]<typename Leaf>(const Leaf& leaf) {
        if constexpr (requires { planner(leaf); }) return planner(leaf);
        return false;
      },
      node.is);
}

int64_t Nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void PlanNode::Keep(uint32_t chunk, ChunkSet& set) {
  if (set.empty()) return;
  if (trace_ == nullptr) {
    KeepIn(chunk, set);
    return;
  }
  trace_->asked += set.Count();
  const int64_t begin = Nanos();
  KeepIn(chunk, set);
  trace_->nanos += Nanos() - begin;
  trace_->kept += set.Count();
}

void PlanNode::Drop(uint32_t chunk, ChunkSet& set) {
  if (set.empty()) return;
  if (trace_ == nullptr) {
    DropIn(chunk, set);
    return;
  }
  const uint32_t before = set.Count();
  const int64_t begin = Nanos();
  DropIn(chunk, set);
  trace_->nanos += Nanos() - begin;
  trace_->asked += before;
  trace_->kept += before - set.Count();
}

bool PlanNode::AddAll(uint32_t, uint64_t*) const { return false; }

void PlanNode::DropIn(uint32_t chunk, ChunkSet& set) {
  ChunkSet matching;
  matching.CopyFrom(set);
  KeepIn(chunk, matching);
  set.Drop(matching);
}

std::unique_ptr<PlanNode> PlanFor(const QueryNode& node, uint32_t number, PlanContext& context) {
  PlanParts parts;
  if (!AppendParts(node, number, context, parts)) return nullptr;
  std::unique_ptr<PlanNode> plan = Join(std::move(parts), SegmentOf(number, context));
  if (NodeTrace* trace = context.TraceOf(node)) plan->set_trace(trace);
  return plan;
}

PlanContext::PlanContext(const Snapshot& snapshot, const ExecuteRequest& request)
    : snapshot_(snapshot), request_(request), words_(request.stemming) {}

NodeTrace* PlanContext::TraceOf(const QueryNode& node) {
  return request_.explain ? &traces_[&node] : nullptr;
}

bool PlanContext::MayRead(const std::string& id) const {
  const std::optional<Snapshot::Place> place = snapshot_.Find(id);
  if (!place) return false;
  const Segment& segment = *snapshot_.segments[place->segment].segment;
  if (request_.viewer.sees_all || segment.seen_by_all(place->doc)) return true;
  const std::string_view owner = segment.ordinals(Ordinal::kOwner).ValueAt(place->doc);
  if (owner == request_.viewer.subject) return true;
  // Unlisted: whoever has the id may read it. The segment does not tell it from private.
  const absl::StatusOr<Image> image = DecodeImage(snapshot_.Read(*place).image);
  return image.ok() && SeenAs(*image) != Visibility::kPrivate;
}

std::optional<PdqWords> PlanContext::HashOf(const std::string& id) {
  const auto [it, is_new] = hashes_.try_emplace(id);
  if (!is_new || !MayRead(id)) return it->second;
  const Snapshot::Place place = *snapshot_.Find(id);
  const Segment& segment = *snapshot_.segments[place.segment].segment;
  if ((segment.flags(place.doc) >> static_cast<int>(HasField::kHash) & 1) == 0) return std::nullopt;
  PdqWords& words = it->second.emplace();
  for (size_t w = 0; w < words.size(); ++w) words[w] = segment.pdq().words[w][place.doc];
  return it->second;
}

}  // namespace stockroom::api
