#include "services/api/search/similar_scan.h"

#include <algorithm>
#include <bit>

#include "services/api/search/exec/findable.h"
#include "services/api/search/index_state.h"
#include "services/api/search/similar/looks.h"

namespace stockroom::api {
namespace {

class Scan {
 public:
  Scan(const Snapshot& snapshot, const Looks& target, size_t limit)
      : snapshot_(snapshot), target_(target), limit_(limit) {}

  void Look(Snapshot::Place place) {
    const Looks& looks = snapshot_.segments[place.segment].segment->looks()[place.doc];
    SimilarPlace near{place, BlurDistance(target_, looks)};
    const bool full = best_.size() == limit_;
    // The palettes can only add to it.
    if (full && near.distance > best_.front().distance) return;
    near.distance += PaletteDistance(target_, looks);
    const auto nearer = [this](const SimilarPlace& a, const SimilarPlace& b) {
      return Nearer(a, b);
    };
    if (full) {
      if (!Nearer(near, best_.front())) return;
      std::pop_heap(best_.begin(), best_.end(), nearer);
      best_.pop_back();
    }
    best_.push_back(near);
    std::push_heap(best_.begin(), best_.end(), nearer);
  }

  std::vector<SimilarPlace> Take() {
    std::sort(best_.begin(), best_.end(),
              [this](const SimilarPlace& a, const SimilarPlace& b) { return Nearer(a, b); });
    return std::move(best_);
  }

 private:
  bool Nearer(const SimilarPlace& a, const SimilarPlace& b) const {
    if (a.distance != b.distance) return a.distance < b.distance;
    const Segment& in_a = *snapshot_.segments[a.place.segment].segment;
    const Segment& in_b = *snapshot_.segments[b.place.segment].segment;
    const int64_t created_a = in_a.numbers(Number::kCreatedUs).At(a.place.doc);
    const int64_t created_b = in_b.numbers(Number::kCreatedUs).At(b.place.doc);
    if (created_a != created_b) return created_a > created_b;
    return in_a.id(a.place.doc) > in_b.id(b.place.doc);
  }

  const Snapshot& snapshot_;
  const Looks target_;
  const size_t limit_;
  std::vector<SimilarPlace> best_;  // the worst of them on top of a heap
};

}  // namespace

std::vector<SimilarPlace> ScanSimilar(const Snapshot& snapshot, const Viewer& viewer,
                                      Snapshot::Place target, size_t limit) {
  const Segment& of_target = *snapshot.segments[target.segment].segment;
  if (!Has(of_target, target.doc, HasField::kPalette) || of_target.looks() == nullptr) return {};
  Scan scan(snapshot, of_target.looks()[target.doc], limit);
  ChunkBitmap scratch;
  for (uint32_t s = 0; s < snapshot.segments.size(); ++s) {
    const SegmentState& state = snapshot.segments[s];
    if (state.segment->looks() == nullptr) continue;
    const Findable findable(state, viewer, false);
    for (uint32_t chunk = 0; chunk < state.segment->chunks(); ++chunk) {
      const uint64_t* const found = findable.Chunk(chunk, scratch);
      if (found == nullptr) continue;
      for (uint32_t word = 0; word < kChunkWords; ++word) {
        for (uint64_t bits = found[word]; bits != 0; bits &= bits - 1) {
          const Doc doc =
              chunk * kChunkDocs + word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
          if (s == target.segment && doc == target.doc) continue;
          if (Has(*state.segment, doc, HasField::kPalette)) scan.Look({s, doc});
        }
      }
    }
  }
  return scan.Take();
}

}  // namespace stockroom::api
