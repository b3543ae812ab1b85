// One state of the whole index, as a search sees it from its first to its last byte.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/api/domain/principal.h"
#include "services/api/search/exec/popularity_column.h"
#include "services/api/search/exec/segment_hints.h"
#include "services/api/search/segment/segment.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {

// For whom: MayFind in other words.
struct Viewer {
  std::string subject;
  bool sees_all = false;
};

// What changes without the document being rewritten. Shared by all snapshots that have the segment:
// a search may see a value before or after a change, never half of one.
struct LooseColumns {
  explicit LooseColumns(uint32_t docs) : popularity(docs), cluster(docs) {}
  // Views and downloads, weighted: domain/popularity.h.
  PopularityColumn popularity;
  // Near duplicates have the same number, 0: none. See similar/clusters.h.
  std::vector<std::atomic<uint32_t>> cluster;
  // Filled when first needed; a merge may fill it before anybody waits: hints.Warm(segment).
  SegmentHints hints;
};

// A segment with who of it is still there. All but `loose` never changes.
struct SegmentState {
  std::shared_ptr<const Segment> segment;
  DocBits live;   // the newest revision of an image that was not deleted
  DocBits ready;  // live and READY
  DocBits open;   // ready and seen by all: what a stranger finds
  std::shared_ptr<LooseColumns> loose;
};

struct Snapshot {
  std::vector<SegmentState> segments;  // no order; an id lives in at most one
  std::shared_ptr<const DocumentFiles> documents;
  int64_t live = 0;  // sums over the segments
  int64_t ready = 0;
  uint64_t version = 0;  // grows with every snapshot

  struct Place {
    uint32_t segment = 0;
    Doc doc = 0;
  };
  // Where the live document is.
  std::optional<Place> Find(std::string_view id) const;
  DocumentView Read(Place place) const {
    return documents->Read(segments[place.segment].segment->locator(place.doc));
  }
};

// Lock-free for readers: they never wait for writers or one another.
class SnapshotCell {
 public:
  SnapshotCell();
  ~SnapshotCell();
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  // Never null.
  std::shared_ptr<const Snapshot> Load() const;
  // One at a time. Whoever loads afterwards gets it.
  void Store(std::shared_ptr<const Snapshot> next);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stockroom::api
