// How much work a search may be on a gRPC reaction. Paid for in advance, by upper bounds that cost
// microseconds themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "services/api/search/exec/plan.h"

namespace stockroom::api {

// Of one segment, in postings or documents looked at.
struct WorkBound {
  double fixed = 0;    // whatever else the query says
  double each = 0;     // for each document that it is asked about
  double matches = 0;  // at most so many match
};

// Some 100,000 postings or documents, about 0.2 ms. Once it says no it stays at that.
class Budget {
 public:
  // For the request of `context`, which must outlive it.
  explicit Budget(PlanContext& context);

  // A search of all documents, before it begins, of whom so many are asked for their owner.
  bool CoversAll(double owners);
  // Another chunk of a segment, with making the plan for its first.
  bool CoversChunk(uint32_t number, double owners);

 private:
  bool Spend(double work);
  const WorkBound& BoundOf(uint32_t number);

  PlanContext& context_;
  double spent_ = 0;
  // What finding the bounds has cost.
  double looked_ = 0;
  std::vector<std::optional<WorkBound>> bounds_;  // by segment
};

}  // namespace stockroom::api
