// The inverted index itself. Not thread-safe: const members may run at once, the others alone.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/container/btree_map.h"
#include "services/api/domain/image.h"
#include "services/api/search/page_cursor.h"
#include "services/api/search/query_parser.h"
#include "services/api/search/slot_set.h"

namespace stockroom::api {

class SearchCore {
 public:
  using ImagePtr = std::shared_ptr<const Image>;
  using Slot = uint32_t;
  using TermId = uint32_t;

  // What adding needs, computed beforehand so that readers wait only for the adding.
  struct Document {
    ImagePtr image;
    int32_t date = 0;
    // Of all fields in order, kFieldEnd after each.
    std::vector<TermId> words;
    std::vector<std::string> tags;
    std::string description;
  };
  struct Batch {
    std::vector<Document> documents;
    // Terms the index did not have; ids continue its own.
    std::vector<std::string> new_terms;
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

  // What `subject` may find, strictly after `after`, at most `limit`.
  Page Find(const std::string& subject, const ParsedQuery& query,
            const std::optional<PageCursor>& after, size_t limit) const;

  int64_t size() const { return static_cast<int64_t>(slot_of_.size()); }
  int64_t terms() const { return static_cast<int64_t>(terms_.size()); }
  ImagePtr Get(const std::string& id) const;
  // Removed documents leave holes behind: true when a rebuilt core would be half the size.
  bool WantsRebuild() const;
  std::unique_ptr<SearchCore> Rebuilt() const;

 private:
  static constexpr TermId kFieldEnd = 0xffffffff;

  bool Visible(Slot slot, const std::string& subject) const;
  SlotSet AllVisible(const std::string& subject) const;
  int64_t CountVisible(const std::string& subject) const;
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
  // The terms that begin with `prefix`.
  template <typename Visit>
  void ForEachTerm(const std::string& prefix, Visit visit) const;
  void KeepDates(const ParsedQuery& query, SlotSet& found) const;
  void InsertIntoOrder(std::vector<Slot> added);

  // Terms by id; a deque so that the dictionary's views stay valid.
  std::deque<std::string> terms_;
  absl::btree_map<std::string_view, TermId> dictionary_;
  // By term; ascending, as slots are given in order. May name removed slots.
  std::vector<std::vector<Slot>> postings_;
  std::unordered_map<std::string, std::vector<Slot>> tag_postings_;

  std::vector<Document> documents_;  // by slot; image is null once removed
  std::vector<PageCursor> keys_;     // by slot, removed ones too
  std::vector<Slot> oldest_first_;   // by key; may name removed slots
  std::unordered_map<std::string, Slot> slot_of_;
  SlotSet public_;  // live and public
  int64_t public_count_ = 0;
  struct Hidden {
    std::vector<Slot> slots;  // may name removed slots
    int64_t count = 0;
  };
  // What is live but not public, by owner.
  std::unordered_map<std::string, Hidden> hidden_;
};

}  // namespace stockroom::api
