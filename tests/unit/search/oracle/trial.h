// One random life of an index beside the naive one, comparing all the way. The same seed gives the
// same life; what goes wrong is reduced to few edits before it is told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "services/api/domain/search_index.h"

namespace stockroom::api {

// The index under test and what else it can do.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual SearchIndex& index() = 0;
  // Does what is due in the background: merges, and grouping near duplicates.
  virtual void Settle() {}
  // As after a restart: from a checkpoint. What goes wrong, or "".
  virtual std::string Restart() { return ""; }
};
using MakeSubject = std::function<std::unique_ptr<Subject>()>;

struct TrialOptions {
  uint64_t images = 40;  // about as many at once
  int steps = 30;
  int comparisons = 12;  // after each step
  // Before the first step. A chunk of the index has 65,536 documents.
  uint64_t filled = 0;
  double settle = 0.3;  // chance after each step
  double restart = 0.03;
};

// What went wrong, for people; "" if nothing did.
std::string RunTrial(uint64_t seed, const TrialOptions& options, const MakeSubject& make);

}  // namespace stockroom::api
