// What changes in the suggestions when images come, change and go.
#include <optional>
#include <utility>
#include <vector>

#include "services/api/search/index_writer.h"

namespace stockroom::api {

void IndexWriter::SuggestSpellings(const std::vector<Suggestions::Entry>& spellings,
                                   const Batch& batch, const Removed& removed) const {
  std::vector<Suggestions::Entry> added;
  std::vector<Suggestions::Entry> gone;
  const auto take_out = [&](const Suggestions::Shown& old) {
    Suggestions::Entry entry = Suggestions::SpellingsOf(old.image);
    if (!entry.keys.empty()) gone.push_back(std::move(entry));
  };
  for (const Draft& draft : batch.drafts) {
    if (draft.is_ready && draft.has_spellings) added.push_back(spellings[draft.image]);
    if (draft.before) WithOld(removed, *draft.before, take_out);
  }
  for (const Snapshot::Place& place : removed.places) WithOld(removed, place, take_out);
  if (!added.empty() || !gone.empty()) state_.suggestions->Apply(added, gone);
}

bool IndexWriter::WithOld(const Removed& removed, Snapshot::Place place,
                          absl::FunctionRef<void(const Suggestions::Shown&)> use) {
  const SegmentState& state = removed.from->segments[place.segment];
  if (!state.ready.Test(place.doc)) return false;
  const DocumentView there = removed.from->Read(place);
  const absl::StatusOr<Image> image = DecodeImage(there.image);
  // What the file does not hold any more stays counted until the index is rebuilt.
  if (!image.ok()) return false;
  use(Suggestions::Shown{*image, there.words,
                         state.segment->ordinals(Ordinal::kCamera).ValueAt(place.doc)});
  return true;
}

bool IndexWriter::AppendChange(const Removed& removed, Snapshot::Place place,
                               const Suggestions::Shown& shown,
                               std::vector<Suggestions::Entry>& added,
                               std::vector<Suggestions::Entry>& gone) {
  const SegmentState& state = removed.from->segments[place.segment];
  if (!state.ready.Test(place.doc)) return false;
  const DocumentView there = removed.from->Read(place);
  // Most changes are of titles: no need to make a whole image of what was there.
  if (state.segment->ordinals(Ordinal::kCamera).ValueAt(place.doc) == shown.camera &&
      IsFoundLike(shown.image, there.image)) {
    Suggestions::AppendChangeOfWords(shown.image, there.words, shown.words, added, gone);
    return true;
  }
  return WithOld(removed, place, [&](const Suggestions::Shown& old) {
    Suggestions::AppendChange(old, shown, added, gone);
  });
}

void IndexWriter::Suggest(const std::vector<Image>& images, const Batch& batch,
                          const Removed& removed) const {
  std::vector<Suggestions::Entry> added;
  std::vector<Suggestions::Entry> gone;
  const auto take_out = [&](const Suggestions::Shown& old) {
    gone.push_back(Suggestions::EntryOf(old.image, old.words, old.camera));
  };
  for (const Draft& draft : batch.drafts) {
    if (!draft.is_ready) {
      if (draft.before) WithOld(removed, *draft.before, take_out);
      continue;
    }
    const Suggestions::Shown shown{images[draft.image], draft.words, draft.camera};
    const bool is_replaced =
        draft.before && AppendChange(removed, *draft.before, shown, added, gone);
    if (!is_replaced) added.push_back(Suggestions::EntryOf(shown.image, shown.words, shown.camera));
  }
  for (const Snapshot::Place& place : removed.places) WithOld(removed, place, take_out);
  if (added.empty() && gone.empty()) return;
  state_.suggestions->Apply(added, gone);
  state_.metrics.terms.Set(static_cast<int64_t>(state_.suggestions->terms()));
}

}  // namespace stockroom::api
