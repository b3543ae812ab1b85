// The inverted index itself. Not thread-safe: const members may run at once, the others alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/digest_chains.h"
#include "services/api/search/facet_column.h"
#include "services/api/search/looks.h"
#include "services/api/search/page_cursor.h"
#include "services/api/search/query_parser.h"
#include "services/api/search/slot_set.h"
#include "services/api/search/term_index.h"
#include "services/api/search/term_ranking.h"

namespace stockroom::api {

// For whom: MayFind in other words.
struct Viewer {
  std::string subject;
  bool sees_all = false;
};

class SearchCore {
 public:
  using ImagePtr = std::shared_ptr<const Image>;
  using Slot = TermIndex::Slot;
  using TermId = TermIndex::Id;

  // Facets but tags.
  static constexpr size_t kColumns = 4;

  // What adding needs, computed beforehand so that readers wait only for the adding.
  struct Document {
    ImagePtr image;
    int32_t date = 0;
    // Of all fields in order, kFieldEnd after each.
    std::vector<TermId> words;
    // As in the image's description, kNoTag for what another already says or says nothing.
    std::vector<TermId> tags;
    std::string description;
    std::array<std::string, kColumns> facets;
    std::optional<Looks> looks;
  };
  struct Batch {
    std::vector<Document> documents;
    // Terms the index did not have; ids continue its own.
    std::vector<std::string> new_words;
    std::vector<std::string> new_tags;
  };
  struct Page {
    std::vector<ImagePtr> images;
    int64_t total = 0;
    bool more = false;
  };

  // Splits the images into words. Valid until the next Add.
  Batch Prepare(std::vector<ImagePtr> images) const;
  // None of the images may be in the index.
  void Add(Batch batch);
  // Nothing happens if it is not there.
  void Remove(const std::string& id);

  // What the viewer may find, strictly after `after`, at most `limit`. `found`, if given, gets all
  // that match.
  Page Find(const Viewer& viewer, const ParsedQuery& query, const std::optional<PageCursor>& after,
            size_t limit, SlotSet* found = nullptr) const;

  // Counting and comparing walk over columns to which slots are only ever appended. A caller may
  // therefore do it piece by piece (slots `begin` to `end`, multiples of 64), with changes in
  // between: what was found stays countable.
  using Counts = std::vector<std::vector<int64_t>>;  // by field, by value
  Counts EmptyCounts(const std::vector<FacetField>& fields) const;
  void Count(const std::vector<FacetField>& fields, const SlotSet& found, size_t begin, size_t end,
             Counts& counts) const;
  std::vector<Facet> Facets(const Viewer& viewer, const std::vector<FacetField>& fields,
                            const Counts& counts) const;

  // See SearchIndex::Suggest.
  std::vector<Suggestion> Suggest(const Viewer& viewer, const std::string& prefix,
                                  size_t limit) const;

  // The most similar so far, the worst of them on top of a heap.
  struct Near {
    float distance = 0;
    Slot slot = 0;
  };
  struct SimilarScan {
    Looks target;
    SlotSet candidates;
    size_t limit = 0;
    std::vector<Near> best;
  };
  // Nothing if how it looks is not known, or it is not there.
  std::optional<SimilarScan> BeginSimilar(const Viewer& viewer, const std::string& id,
                                          size_t limit) const;
  void Compare(SimilarScan& scan, size_t begin, size_t end) const;
  struct SimilarId {
    std::string id;
    double distance = 0;
  };
  // In order; with images that were removed or changed since.
  std::vector<SimilarId> Similar(SimilarScan scan) const;

  int64_t size() const { return static_cast<int64_t>(slot_of_.size()); }
  int64_t terms() const { return static_cast<int64_t>(words_.size()); }
  ImagePtr Get(const std::string& id) const;
  // Removed documents leave holes behind: true when a rebuilt core would be half the size.
  bool WantsRebuild() const;
  std::unique_ptr<SearchCore> Rebuilt() const;

 private:
  static constexpr TermId kFieldEnd = 0xffffffff;
  static constexpr TermId kNoTag = 0xffffffff;

  struct Ranks {
    TermRanking words;
    TermRanking tags;
  };

  bool Visible(Slot slot, const Viewer& viewer) const;
  SlotSet AllVisible(const Viewer& viewer) const;
  int64_t CountVisible(const Viewer& viewer) const;
  // Their sums are the counts of what the viewer may find.
  std::vector<const Ranks*> RanksOf(const Viewer& viewer) const;
  // The ranks that count what is in the slot.
  std::vector<Ranks*> RanksOf(const Image& image);
  // The tag as the last added image that the viewer may find spells it. `lookups` bounds the images
  // looked at in one call, as thousands that they may not find can stand before it: past it the
  // folded form must do.
  static constexpr int kSpellingLookups = 4000;
  std::string SpellingOf(TermId tag, const Viewer& viewer, int& lookups) const;
  // The tags of the slot, as in its image's description.
  std::span<const TermId> TagsOf(Slot slot) const {
    return {tag_ids_.data() + tags_begin_[slot], tags_begin_[slot + 1] - tags_begin_[slot]};
  }
  // Whether `a` is a better answer than `b`.
  bool Nearer(const Near& a, const Near& b) const;
  // The newest of `found`, older than `after`.
  std::vector<Slot> Newest(const SlotSet& found, int64_t count,
                           const std::optional<PageCursor>& after, size_t limit) const;
  // Walks all documents from `after` on, newest first, until `limit` of them pass `wanted`.
  template <typename Wanted>
  std::vector<Slot> Walk(const std::optional<PageCursor>& after, size_t limit, Wanted wanted) const;
  // False when nothing is left.
  bool KeepMatches(const ParsedQuery& query, SlotSet& found) const;
  bool KeepWords(const WordsTerm& term, SlotSet& found) const;
  // `whole` are the term's words but a prefix at its end.
  bool HasPhrase(Slot slot, const std::vector<TermId>& whole, const WordsTerm& term) const;
  void KeepValue(const ValueTerm& term, SlotSet& found) const;
  void KeepDates(const ParsedQuery& query, SlotSet& found) const;
  void InsertIntoOrder(std::vector<Slot> added);

  TermIndex words_;
  TermIndex tags_;

  std::vector<Document> documents_;  // by slot; image is null once removed
  std::vector<PageCursor> keys_;     // by slot, removed ones too
  std::vector<Slot> oldest_first_;   // by key; may name removed slots
  std::unordered_map<std::string, Slot> slot_of_;
  // Columns by slot, removed ones too.
  std::array<FacetColumn, kColumns> columns_;
  std::vector<uint32_t> tags_begin_ = {0};  // in tag_ids_, and the end of the last
  std::vector<TermId> tag_ids_;
  std::vector<Looks> looks_;
  SlotSet comparable_;  // looks_ says something
  DigestChains md5_;

  SlotSet public_;  // live and public
  int64_t public_count_ = 0;
  Ranks public_ranks_;
  struct Hidden {
    std::vector<Slot> slots;  // may name removed slots
    int64_t count = 0;
    Ranks ranks;
  };
  // What is live but not public, by owner; and the ranks of all of it, for those who see all.
  std::unordered_map<std::string, Hidden> hidden_;
  Ranks hidden_ranks_;
};

}  // namespace stockroom::api
