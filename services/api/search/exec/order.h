// What hits are ordered by, and the best of them. For one search.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/api/search/exec/execute.h"

namespace stockroom::api {

struct RankedHit {
  double key = 0;  // descending
  int64_t created_us = 0;
  Snapshot::Place place;
};

// Whether `a` comes before `b`: descending (key, created_us, id).
bool ComesBefore(const Snapshot& snapshot, const RankedHit& a, const RankedHit& b);

std::string IdOf(const Snapshot& snapshot, Snapshot::Place place);
int64_t CreatedOf(const Snapshot& snapshot, Snapshot::Place place);

// The first documents behind a cursor, whatever the order in which they are offered.
class TopHits {
 public:
  // At most `most` (1 or more) are kept. Both must outlive it.
  TopHits(const Snapshot& snapshot, const std::optional<Cursor>& after, size_t most);

  void Offer(double key, Snapshot::Place place);
  // Whether whatever has this key and this creation time or an earlier one can no longer get in.
  // Not for equal ones: their ids decide.
  bool IsOut(double key, int64_t created_us) const;
  // In order; empties it.
  std::vector<RankedHit> Take();

 private:
  bool IsBehindCursor(const RankedHit& hit) const;

  const Snapshot& snapshot_;
  const std::optional<Cursor>& after_;
  const size_t most_;
  std::vector<RankedHit> heap_;  // the last of them on top
};

// The first document of a segment that comes behind the cursor when the newest come first.
Doc FirstBehind(const Segment& segment, const Cursor& cursor);

// For kRandom: 53 bits, evenly spread. Of what never changes about an image: when it was created
// and how its MD5 begins, which costs less to read than its id; without an MD5 of its id.
double RandomKey(uint64_t seed, const Segment& segment, Doc doc);

// PDQ; none if the image has none of enough quality.
std::optional<PdqWords> HashOf(const Segment& segment, Doc doc);

}  // namespace stockroom::api
