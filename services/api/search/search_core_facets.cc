#include <algorithm>
#include <utility>

#include "services/api/search/search_core.h"
#include "services/api/search/text_fold.h"

namespace stockroom::api {
namespace {

constexpr size_t kMostValues = 20;
// In the order of Prepare's `facets`.
size_t ColumnOf(FacetField field) {
  switch (field) {
    case FacetField::kFormat:
      return 0;
    case FacetField::kLicense:
      return 1;
    case FacetField::kYear:
      return 2;
    default:
      return 3;
  }
}

}  // namespace

SearchCore::Counts SearchCore::EmptyCounts(const std::vector<FacetField>& fields) const {
  Counts counts;
  for (const FacetField field : fields) {
    counts.emplace_back(field == FacetField::kTag ? tags_.size()
                                                  : columns_[ColumnOf(field)].size());
  }
  return counts;
}

void SearchCore::Count(const std::vector<FacetField>& fields, const SlotSet& found, size_t begin,
                       size_t end, Counts& counts) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    std::vector<int64_t>& of = counts[i];
    if (fields[i] == FacetField::kTag) {
      found.ForEachIn(begin, end, [&](Slot slot) {
        for (const TermId tag : TagsOf(slot)) {
          if (tag != kNoTag) ++of[tag];
        }
      });
      continue;
    }
    const FacetColumn& column = columns_[ColumnOf(fields[i])];
    found.ForEachIn(begin, end, [&](Slot slot) {
      if (const uint32_t id = column.IdAt(slot); id != FacetColumn::kNone) ++of[id];
    });
  }
}

std::vector<Facet> SearchCore::Facets(const Viewer& viewer, const std::vector<FacetField>& fields,
                                      const Counts& counts) const {
  std::vector<Facet> facets;
  int lookups = kSpellingLookups;
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool is_tag = fields[i] == FacetField::kTag;
    const auto value_of = [&](uint32_t id) -> const std::string& {
      return is_tag ? tags_.term(id) : columns_[ColumnOf(fields[i])].value(id);
    };
    std::vector<uint32_t> ids;
    for (uint32_t id = 0; id < counts[i].size(); ++id) {
      if (counts[i][id] > 0) ids.push_back(id);
    }
    const size_t kept = std::min(ids.size(), kMostValues);
    std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(),
                      [&](uint32_t a, uint32_t b) {
                        return counts[i][a] != counts[i][b] ? counts[i][a] > counts[i][b]
                                                            : value_of(a) < value_of(b);
                      });
    ids.resize(kept);
    Facet& facet = facets.emplace_back();
    for (const uint32_t id : ids) {
      facet.push_back({is_tag ? SpellingOf(id, viewer, lookups) : value_of(id), counts[i][id]});
    }
  }
  return facets;
}

void SearchCore::KeepValue(const ValueTerm& term, SlotSet& found) const {
  const FacetColumn& column = columns_[ColumnOf(term.field)];
  std::vector<bool> wanted(column.size());
  for (uint32_t id = 0; id < column.size(); ++id) {
    wanted[id] = FoldLine(column.value(id)) == term.value;
  }
  found.Filter([&](Slot slot) {
    const uint32_t id = column.IdAt(slot);
    return id != FacetColumn::kNone && wanted[id];
  });
}

std::string SearchCore::SpellingOf(TermId tag, const Viewer& viewer, int& lookups) const {
  const std::vector<Slot>& slots = tags_.postings(tag);
  for (auto it = slots.rbegin(); it != slots.rend() && lookups > 0; ++it, --lookups) {
    if (!Visible(*it, viewer)) continue;
    const std::span<const TermId> tags = TagsOf(*it);
    const auto at = std::find(tags.begin(), tags.end(), tag) - tags.begin();
    return documents_[*it].image->described.tags[at];
  }
  return tags_.term(tag);
}

}  // namespace stockroom::api
