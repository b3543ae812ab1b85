#include <algorithm>
#include <utility>

#include "services/api/search/segment/merge_source.h"
#include "services/common/base/status.h"

namespace stockroom::api {

using segment_format::Draft;
using segment_format::kIdTimes;
using segment_format::kLocators;
using segment_format::MergeSource;
using segment_format::RawId;

namespace {

// Documents between two looks at `stopped`: about a millisecond.
constexpr uint32_t kStopEvery = 16'384;

// The next live document of a source, with what it is ordered by.
struct Next {
  const MergeSource* source;
  size_t input;
  Doc doc;
  int64_t created_us = 0;
  RawId id;
};

// Goes on to the first live document from `next.doc` on; false: there is none.
bool Advance(Next& next) {
  const DocBits& live = next.source->live;
  for (; next.doc < live.docs(); next.doc = (next.doc / 64 + 1) * 64) {
    const ChunkBitmap* bits = live.chunk(next.doc / kChunkDocs);
    if (bits == nullptr) {
      next.doc = next.doc / kChunkDocs * kChunkDocs + kChunkDocs - 64;
      continue;
    }
    const uint64_t left = (*bits)[next.doc % kChunkDocs / 64] >> next.doc % 64;
    if (left == 0) continue;
    next.doc += static_cast<uint32_t>(std::countr_zero(left));
    next.created_us = next.source->created_us(next.doc);
    next.id = next.source->raw_id(next.doc);
    return true;
  }
  return false;
}

// Whether `a` comes after `b`: is older.
bool After(const Next& a, const Next& b) {
  if (a.created_us != b.created_us) return a.created_us < b.created_us;
  if (!a.id.is_other() && !b.id.is_other()) return a.id < b.id;
  return a.source->segment.id(a.doc) < b.source->segment.id(b.doc);
}

// Numbers the live documents anew. `others` get the ids that are no UUIDs, in order.
absl::Status NumberDocuments(std::vector<MergeSource>& sources, std::vector<std::string>& others,
                             absl::FunctionRef<bool()> stopped) {
  std::vector<Next> heap;
  for (size_t i = 0; i < sources.size(); ++i) {
    sources[i].new_docs.assign(sources[i].segment.docs(), kNoDoc);
    Next next{.source = &sources[i], .input = i, .doc = 0};
    if (Advance(next)) heap.push_back(next);
  }
  std::make_heap(heap.begin(), heap.end(), After);
  for (Doc doc = 0; !heap.empty(); ++doc) {
    if (doc % kStopEvery == 0 && stopped()) return segment_format::MergeStopped();
    std::pop_heap(heap.begin(), heap.end(), After);
    Next& next = heap.back();
    sources[next.input].new_docs[next.doc] = doc;
    if (next.id.is_other()) others.emplace_back(next.source->other_id(next.id));
    ++next.doc;
    if (Advance(next)) {
      std::push_heap(heap.begin(), heap.end(), After);
    } else {
      heap.pop_back();
    }
  }
  return absl::OkStatus();
}

// Values of an ordinal column that are still there, sorted; and for each source what its become.
std::vector<std::string> MergeValues(const std::vector<MergeSource>& sources, Ordinal which,
                                     std::vector<std::vector<uint32_t>>& ords) {
  std::vector<std::pair<std::string_view, uint32_t*>> values;
  static constexpr uint32_t kUnused = 0xffffffff;
  ords.resize(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    const OrdinalColumn& column = sources[i].segment.ordinals(which);
    ords[i].assign(column.values(), kUnused);
    sources[i].ForEachLive([&](Doc doc) { ords[i][column.At(doc)] = 0; });
    for (uint32_t ord = 1; ord < column.values(); ++ord) {
      if (ords[i][ord] != kUnused) values.emplace_back(column.value(ord), &ords[i][ord]);
    }
  }
  std::sort(values.begin(), values.end());
  std::vector<std::string> merged = {""};
  for (const auto& [value, ord] : values) {
    if (value != merged.back()) merged.emplace_back(value);
    *ord = static_cast<uint32_t>(merged.size() - 1);
  }
  return merged;
}

class ColumnMerge {
 public:
  ColumnMerge(const std::vector<MergeSource>& sources, absl::FunctionRef<Locator(Locator)> relocate)
      : sources_(sources), relocate_(relocate) {}

  Draft::Shape Plan(std::vector<std::string> others) {
    Draft::Shape shape;
    shape.other_ids = std::move(others);
    for (size_t i = 0; i < kOrdinals; ++i) {
      shape.values[i] = MergeValues(sources_, static_cast<Ordinal>(i), ords_[i]);
    }
    for (const MergeSource& source : sources_) {
      const Segment& from = source.segment;
      locators_.emplace_back();
      source.ForEachLive([&](Doc doc) {
        const Doc to = source.new_docs[doc];
        locators_.back().push_back(relocate_(from.locator(doc)));
        for (size_t i = 0; i < kNumbers; ++i) {
          shape.numbers[i].Add(to, from.numbers(static_cast<Number>(i)).At(doc));
        }
        shape.numbers[kLocators].Add(to, static_cast<int64_t>(locators_.back().back()));
        if (const RawId id = source.raw_id(doc); !id.is_other()) {
          shape.numbers[kIdTimes].Add(to, id.After(source.created_us(doc)));
        }
        shape.has_looks |= (from.flags(doc) >> static_cast<unsigned>(HasField::kPalette) & 1) != 0;
      });
      AddPlaces(source);
    }
    std::sort(places_.begin(), places_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    shape.located = static_cast<uint32_t>(places_.size());
    return shape;
  }

  void Fill(size_t input, Draft& draft) const {
    const MergeSource& source = sources_[input];
    const Segment& from = source.segment;
    size_t live = 0;
    source.ForEachLive([&](Doc doc) {
      const Doc to = source.new_docs[doc];
      for (size_t i = 0; i < kNumbers; ++i) {
        draft.SetNumber(i, to, from.numbers(static_cast<Number>(i)).At(doc));
      }
      draft.SetNumber(kLocators, to, static_cast<int64_t>(locators_[input][live++]));
      for (size_t i = 0; i < kOrdinals; ++i) {
        draft.SetOrdinal(i, to, ords_[i][input][from.ordinals(static_cast<Ordinal>(i)).At(doc)]);
      }
      draft.SetFlags(to, source.flags(doc));
      draft.SetLength(to, from.length_class(doc));
      draft.SetMd5(to, from.md5_start(doc));
      const PdqColumn pdq = from.pdq();
      for (size_t w = 0; w < pdq.words.size(); ++w) draft.SetPdq(w, to, pdq.words[w][doc]);
      const bool has_looks =
          (from.flags(doc) >> static_cast<unsigned>(HasField::kPalette) & 1) != 0;
      if (from.looks() != nullptr && has_looks) draft.SetLooks(to, from.looks()[doc]);
      if (const RawId id = source.raw_id(doc); !id.is_other()) {
        draft.SetId(to, id, source.created_us(doc));
      }
    });
  }
  void FillPlaces(Draft& draft) const {
    for (uint32_t i = 0; i < places_.size(); ++i) {
      draft.SetLocation(i, places_[i].first, places_[i].second);
    }
  }

 private:
  void AddPlaces(const MergeSource& source) {
    const GeoColumn places = source.segment.locations();
    for (uint32_t chunk = 0; chunk < source.segment.chunks(); ++chunk) {
      const auto [begin, end] = places.RangeOf(chunk);
      for (uint32_t i = begin; i < end; ++i) {
        const Doc doc = source.new_docs[chunk * kChunkDocs + places.lows[i]];
        if (doc != kNoDoc) places_.emplace_back(doc, places.points[i]);
      }
    }
  }

  const std::vector<MergeSource>& sources_;
  absl::FunctionRef<Locator(Locator)> relocate_;
  std::array<std::vector<std::vector<uint32_t>>, kOrdinals> ords_;  // by column, by source
  std::vector<std::vector<Locator>> locators_;  // by source, of the live ones in order
  std::vector<std::pair<Doc, GeoPoint>> places_;
};

// Ids that are no UUIDs get their numbers in the order of the documents, as Build gives them.
void FillOtherIds(const std::vector<MergeSource>& sources, Draft& draft) {
  std::vector<Doc> docs;
  for (const MergeSource& source : sources) {
    source.ForEachLive([&](Doc doc) {
      if (source.raw_id(doc).is_other()) docs.push_back(source.new_docs[doc]);
    });
  }
  std::sort(docs.begin(), docs.end());
  for (uint32_t i = 0; i < docs.size(); ++i) draft.SetId(docs[i], RawId::Other(i), 0);
}

}  // namespace

absl::StatusOr<Merged> Merge(const std::vector<MergeInput>& inputs,
                             absl::FunctionRef<Locator(Locator)> relocate,
                             absl::FunctionRef<bool()> stopped) {
  uint64_t docs = 0;
  for (const MergeInput& input : inputs) {
    docs += input.live.count();
    if (input.live.docs() != input.segment->docs()) {
      return InvalidArgument("WRONG_LIVE_BITS", "a segment and its live bits differ in length");
    }
  }
  if (docs > segment_format::kMostDocs) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "merging would make a segment of more documents than one can hold",
                      {.reason = "SEGMENT_TOO_LARGE"});
  }
  std::vector<MergeSource> sources(inputs.begin(), inputs.end());
  std::vector<std::string> others;
  SR_RETURN_IF_ERROR(NumberDocuments(sources, others, stopped));
  Draft draft(static_cast<uint32_t>(docs));
  SR_RETURN_IF_ERROR(segment_format::MergeTerms(sources, draft, stopped));
  if (draft.too_large()) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "merging would make a segment of more postings than one can hold",
                      {.reason = "SEGMENT_TOO_LARGE"});
  }
  // From here on nothing ends it: documents are moved.
  ColumnMerge columns(sources, relocate);
  draft.Allocate(columns.Plan(std::move(others)));
  for (size_t i = 0; i < sources.size(); ++i) columns.Fill(i, draft);
  columns.FillPlaces(draft);
  FillOtherIds(sources, draft);
  Merged merged{.segment = draft.Finish(), .new_docs = {}};
  for (MergeSource& source : sources) merged.new_docs.push_back(std::move(source.new_docs));
  return merged;
}

}  // namespace stockroom::api
