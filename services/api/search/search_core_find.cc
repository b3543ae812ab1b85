#include <algorithm>
#include <utility>

#include "services/api/search/search_core.h"
#include "services/api/search/text_fold.h"

namespace stockroom::api {
namespace {

// With fewer matches sorting them beats walking all documents in order.
constexpr int64_t kSortAtMost = 2048;

}  // namespace

SearchCore::Page SearchCore::Find(const Viewer& viewer, const ParsedQuery& query,
                                  const std::optional<PageCursor>& after, size_t limit,
                                  SlotSet* all) const {
  Page page;
  std::vector<Slot> slots;
  // One more than wanted tells whether there is another page.
  if (query.MatchesAll()) {
    page.total = CountVisible(viewer);
    slots = Walk(after, limit + 1, [&](Slot slot) { return Visible(slot, viewer); });
    if (all != nullptr) *all = AllVisible(viewer);
  } else {
    SlotSet found = AllVisible(viewer);
    if (!KeepMatches(query, found)) return page;
    page.total = found.Count();
    slots = Newest(found, page.total, after, limit + 1);
    if (all != nullptr) *all = std::move(found);
  }
  page.more = slots.size() > limit;
  slots.resize(std::min(slots.size(), limit));
  for (const Slot slot : slots) page.images.push_back(documents_[slot].image);
  return page;
}

bool SearchCore::Visible(Slot slot, const Viewer& viewer) const {
  if (public_.Test(slot)) return true;
  const ImagePtr& image = documents_[slot].image;
  return image != nullptr && (viewer.sees_all || image->owner == viewer.subject);
}

SlotSet SearchCore::AllVisible(const Viewer& viewer) const {
  SlotSet visible = public_;
  const auto show = [&](const Hidden& hidden) {
    for (const Slot slot : hidden.slots) {
      if (documents_[slot].image != nullptr) visible.Set(slot);
    }
  };
  if (viewer.sees_all) {
    for (const auto& [owner, hidden] : hidden_) show(hidden);
  } else if (const auto own = hidden_.find(viewer.subject); own != hidden_.end()) {
    show(own->second);
  }
  return visible;
}

int64_t SearchCore::CountVisible(const Viewer& viewer) const {
  if (viewer.sees_all) return size();
  const auto own = hidden_.find(viewer.subject);
  return public_count_ + (own == hidden_.end() ? 0 : own->second.count);
}

template <typename Wanted>
std::vector<SearchCore::Slot> SearchCore::Walk(const std::optional<PageCursor>& after, size_t limit,
                                               Wanted wanted) const {
  auto it = oldest_first_.end();
  if (after) {
    it = std::lower_bound(
        oldest_first_.begin(), oldest_first_.end(), *after,
        [this](Slot slot, const PageCursor& cursor) { return keys_[slot] < cursor; });
  }
  std::vector<Slot> slots;
  while (it != oldest_first_.begin() && slots.size() < limit) {
    if (wanted(*--it)) slots.push_back(*it);
  }
  return slots;
}

std::vector<SearchCore::Slot> SearchCore::Newest(const SlotSet& found, int64_t count,
                                                 const std::optional<PageCursor>& after,
                                                 size_t limit) const {
  if (count > kSortAtMost) {
    return Walk(after, limit, [&](Slot slot) { return found.Test(slot); });
  }
  std::vector<Slot> slots;
  found.ForEach([&](Slot slot) {
    if (!after || keys_[slot] < *after) slots.push_back(slot);
  });
  const size_t kept = std::min(slots.size(), limit);
  std::partial_sort(slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(kept), slots.end(),
                    [this](Slot a, Slot b) { return keys_[b] < keys_[a]; });
  slots.resize(kept);
  return slots;
}

bool SearchCore::KeepMatches(const ParsedQuery& query, SlotSet& found) const {
  for (const std::string& tag : query.tags) {
    const std::optional<TermId> id = tags_.Find(tag);
    if (!id) return false;
    SlotSet tagged(documents_.size());
    for (const Slot slot : tags_.postings(*id)) tagged.Set(slot);
    if (!found.IntersectWith(tagged)) return false;
  }
  for (const std::string& md5 : query.md5) {
    SlotSet same(documents_.size());
    md5_.ForEach(md5, [&](Slot slot) {
      if (documents_[slot].image != nullptr && documents_[slot].image->md5 == md5) same.Set(slot);
    });
    if (!found.IntersectWith(same)) return false;
  }
  for (const WordsTerm& term : query.words) {
    if (!KeepWords(term, found)) return false;
  }
  for (const ValueTerm& term : query.values) KeepValue(term, found);
  KeepDates(query, found);
  for (const std::string& text : query.description) {
    found.Filter(
        [&](Slot slot) { return documents_[slot].description.find(text) != std::string::npos; });
  }
  return true;
}

bool SearchCore::KeepWords(const WordsTerm& term, SlotSet& found) const {
  std::vector<TermId> whole;
  const size_t whole_words = term.words.size() - (term.last_is_prefix ? 1 : 0);
  for (size_t i = 0; i < whole_words; ++i) {
    const std::optional<TermId> id = words_.Find(term.words[i]);
    if (!id) return false;
    whole.push_back(*id);
    SlotSet with(documents_.size());
    for (const Slot slot : words_.postings(*id)) with.Set(slot);
    if (!found.IntersectWith(with)) return false;
  }
  if (term.last_is_prefix) {
    SlotSet with(documents_.size());
    words_.ForEachWithPrefix(term.words.back(), [&](TermId id) {
      for (const Slot slot : words_.postings(id)) with.Set(slot);
    });
    if (!found.IntersectWith(with)) return false;
  }
  // The documents hold all words; do they stand side by side?
  if (term.words.size() > 1) found.Filter([&](Slot slot) { return HasPhrase(slot, whole, term); });
  return true;
}

bool SearchCore::HasPhrase(Slot slot, const std::vector<TermId>& whole,
                           const WordsTerm& term) const {
  const std::vector<TermId>& words = documents_[slot].words;
  for (auto it = words.begin();; ++it) {
    it = std::search(it, words.end(), whole.begin(), whole.end());
    if (it == words.end()) return false;
    if (!term.last_is_prefix) return true;
    // Every field ends with kFieldEnd, so there is a next one.
    const TermId next = *(it + static_cast<std::ptrdiff_t>(whole.size()));
    if (next != kFieldEnd && words_.term(next).starts_with(term.words.back())) return true;
  }
}

void SearchCore::KeepDates(const ParsedQuery& query, SlotSet& found) const {
  if (query.dates.empty() && !query.from && !query.to) return;
  found.Filter([&](Slot slot) {
    const int32_t date = documents_[slot].date;
    if (query.from && date < *query.from) return false;
    if (query.to && date > *query.to) return false;
    return std::all_of(query.dates.begin(), query.dates.end(),
                       [&](const DatePattern& pattern) { return Matches(pattern, date); });
  });
}

}  // namespace stockroom::api
