// Of near duplicates that match, only the best.
#pragma once

#include <cstdint>
#include <memory>

#include "services/api/search/exec/matches.h"

namespace stockroom::api {

// What of the matches is shown, and how many stand behind each.
class Collapsed {
 public:
  // Best: most pixels, then most bytes, then newest, then by descending id. Behind it stand those
  // of its cluster that are at most kNearDuplicate away from it. Looks once at each
  // document's cluster, so that a change meanwhile puts no document on both sides.
  Collapsed(const Snapshot& snapshot, const Matches& matches);
  ~Collapsed();

  const Matches& shown() const;
  uint32_t CountBehind(Snapshot::Place place) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stockroom::api
