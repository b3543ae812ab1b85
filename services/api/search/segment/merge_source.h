// What a merge reads of one of its inputs. For this folder only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/api/search/segment/segment_draft.h"

namespace stockroom::api::segment_format {

class MergeSource {
 public:
  explicit MergeSource(const MergeInput& input) : segment(*input.segment), live(input.live) {}

  RawId raw_id(Doc doc) const { return segment.raw_id(doc); }
  int64_t created_us(Doc doc) const { return segment.numbers(Number::kCreatedUs).At(doc); }
  uint16_t flags(Doc doc) const { return segment.flags_[doc]; }  // DocFlags
  std::string_view other_id(const RawId& id) const { return segment.OtherId(id.other()); }
  TermCursor terms() const { return {segment.block_starts_, segment.term_text_, segment.terms_}; }
  template <typename Visit>
  void ForEachLive(Visit visit) const {
    for (uint32_t chunk = 0; chunk < live.chunks(); ++chunk) {
      const ChunkBitmap* bits = live.chunk(chunk);
      if (bits == nullptr) continue;
      for (uint32_t word = 0; word < kChunkWords; ++word) {
        for (uint64_t left = (*bits)[word]; left != 0; left &= left - 1) {
          visit(chunk * kChunkDocs + word * 64 + static_cast<uint32_t>(std::countr_zero(left)));
        }
      }
    }
  }

  const Segment& segment;
  const DocBits& live;
  std::vector<Doc> new_docs;  // kNoDoc for the dead
};

// Walks over the dictionaries of all at once and adds what is left of each term. CANCELLED.
absl::Status MergeTerms(const std::vector<MergeSource>& sources, Draft& draft,
                        absl::FunctionRef<bool()> stopped);

absl::Status MergeStopped();

}  // namespace stockroom::api::segment_format
