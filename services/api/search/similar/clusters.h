// Near duplicates: images whose PDQ hashes are so close that showing one of them is enough.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/search/query/query.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// Two hashes are near duplicates up to this distance: half of PDQ's threshold, because collapsing
// hides pictures; and of 16 parts of 16 bits at least one is then equal, so that all pairs are
// found by comparing only what shares a part.
inline constexpr int kNearDuplicate = 15;

// Puts hashes into clusters. The first hash of its kind founds a cluster; a later one joins the
// nearest founder at most kNearDuplicate away. So any two of a cluster are at most twice that
// apart, and chains do not grow without end. Which images found depends on the order in which they
// come.
//
// Nothing is kept of an image that is alone: its hash stands in its segment, and whoever calls says
// what to scan. Of a cluster its founder's hash is kept, also when that image is gone: 48 bytes.
// The numbers themselves are kept by whoever calls (LooseColumns::cluster), who carries a
// document's number over to its next revision as long as the hash stays the same.
//
// One thread at a time; in the background, as adding takes time: see Add.
class Clusters {
 public:
  Clusters();
  ~Clusters();
  Clusters(const Clusters&) = delete;
  Clusters& operator=(const Clusters&) = delete;

  struct Fresh {
    PdqWords hash{};
    uint32_t cluster = 0;  // out; 0: alone
  };
  // Documents, some of which are alone.
  struct Column {
    PdqColumn pdq;
    uint32_t docs = 0;
    // Live, with a hash, in no cluster (0), and none of those that are being added. Asked only
    // about the few that are near something new.
    absl::FunctionRef<bool(Doc)> is_alone;
  };
  // A document that was alone and now is the founder of a cluster.
  struct Founder {
    uint32_t column = 0;  // its place in `columns`
    Doc doc = 0;
    uint32_t cluster = 0;
  };

  // Adds the hashes in their order; `founders` gets what the caller has to number. Of founders
  // equally near the one with the lowest hash is joined. Numbers are never given twice.
  //
  // Exact, without an index: up to some thirty hashes it scans the columns for each, more (up to
  // kBlock at a time) once for all, by their parts. Takes as long as `columns` are, however few
  // hashes are new. Memory meanwhile grows with `fresh`, besides tables for kBlock of them.
  //
  // `stopped` is asked now and then; false is returned if it said so: what `fresh` has not got by
  // then is alone, and should be added again.
  bool Add(std::span<Fresh> fresh, std::span<const Column> columns, std::vector<Founder>& founders,
           absl::FunctionRef<bool()> stopped);

  // One image of this cluster is gone, or looks different now. 0 and unknown numbers: nothing. With
  // its last image the cluster is forgotten.
  void Remove(uint32_t cluster);

  // How many there are, and what they take.
  uint64_t size() const;
  uint64_t bytes() const;

  // Hashes that are compared with the columns at once.
  static constexpr uint32_t kBlock = 131072;

 private:
  struct Block;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stockroom::api
