// How many images have each term, and which terms with a prefix are the most frequent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "services/api/search/suggest/packed_counts.h"
#include "services/api/search/suggest/term_texts.h"

namespace stockroom::api {

// Terms in the order of their texts, with their counts. New terms come as tables of their own, and
// a table is merged into the one before once it is an eighth of it, so there are few. Above the
// counts lie maxima of 16, of 256 and so on: the most frequent terms of a range are found from the
// top, without looking at the many rare ones.
//
// One writer. What is const may run beside readers; the rest needs them shut out.
class RankedTerms {
 public:
  // `dense`: most terms are in here, so places are kept by number instead of searched by text.
  RankedTerms(const TermTexts& texts, bool dense) : texts_(texts), dense_(dense) {}
  RankedTerms(const RankedTerms&) = delete;
  RankedTerms& operator=(const RankedTerms&) = delete;

  struct Change {
    TermId id = 0;
    int32_t delta = 0;
  };
  // Sorts the new ones in. No id twice.
  struct Prepared;
  std::shared_ptr<Prepared> Prepare(const std::vector<Change>& changes) const;
  void Commit(const Prepared& prepared);
  // Merges the last tables if it is time to; null if not. Without the terms that nothing has.
  std::shared_ptr<Prepared> Tidy() const;
  void CommitTidy(const Prepared& tidy);

  // 0 also for what is not there. Counts below 0 are possible while changes arrive out of order.
  int32_t Count(TermId id) const;
  // Entries, those of count 0 too.
  uint64_t size() const;
  bool empty() const { return tables_.empty(); }
  uint64_t bytes() const;

  // The terms with a prefix, the most frequent first, equally frequent ones by text; only those
  // that something has. Valid as long as nothing is committed.
  class Stream {
   public:
    Stream(const RankedTerms& terms, std::string_view prefix);
    // At most this many more.
    uint64_t size() const { return size_; }
    // Of the next; 0 at the end.
    int32_t bound() const { return heap_.empty() ? 0 : heap_.front().max; }
    std::optional<Change> Next();
    // All of them in no order, however many.
    template <typename Visit>
    void ForEach(Visit visit) const {
      for (const Range& range : ranges_) {
        for (uint32_t at = range.begin; at < range.end; ++at) {
          const Table& table = *terms_.tables_[range.table];
          if (table.counts[at] > 0) visit(Change{table.ids[at], table.counts[at]});
        }
      }
    }

   private:
    struct Range {
      uint32_t table = 0;
      uint32_t begin = 0;
      uint32_t end = 0;
    };
    struct Node {
      int32_t max = 0;
      uint32_t range = 0;  // in ranges_
      uint32_t first = 0;  // term in the table: where it begins
      int level = 0;       // 0: that term alone; n: 16^n terms around it
    };
    bool Before(const Node& a, const Node& b) const;
    void Push(uint32_t range, uint64_t first, int level);

    const RankedTerms& terms_;
    std::vector<Range> ranges_;
    std::vector<Node> heap_;
    uint64_t size_ = 0;
  };

  // In the order of texts from `prefix` on, of every table: [begin, end) of each.
  template <typename Visit>
  void ForEachTable(std::string_view prefix, Visit visit) const {
    for (const auto& table : tables_) {
      const auto [begin, end] = table->WithPrefix(texts_, prefix);
      if (begin < end) visit(*table, begin, end);
    }
  }

  struct Table {
    std::vector<TermId> ids;
    PackedCounts counts;
    // maxima[n][i]: of the counts [16^(n+1) * i, 16^(n+1) * (i+1)).
    std::vector<std::vector<int32_t>> maxima;

    uint32_t size() const { return static_cast<uint32_t>(ids.size()); }
    // Of as many as `size`.
    void Reserve(size_t size) {
      ids.reserve(size);
      counts.Reserve(size);
    }
    // When all are there.
    void Finish();
    void Set(uint32_t at, int32_t count);
    // The first of [from, size) whose text is not less; and the range that has the prefix.
    uint32_t LowerBound(const TermTexts& texts, std::string_view text, uint32_t from = 0) const;
    std::pair<uint32_t, uint32_t> WithPrefix(const TermTexts& texts, std::string_view prefix) const;
  };
  struct Prepared {
    // By table and term in it.
    std::vector<std::pair<uint64_t, int32_t>> changes;
    std::shared_ptr<Table> added;  // null: none
    size_t replaces = 0;           // of the last tables
  };

 private:
  static constexpr uint64_t kNowhere = ~uint64_t{0};
  // A table is merged into the one before as soon as it is this share of it.
  static constexpr uint64_t kShare = 8;

  static uint64_t PlaceOf(size_t table, size_t at) { return uint64_t{table} << 32 | at; }
  uint64_t Locate(TermId id) const;
  void NotePlaces(size_t table);

  const TermTexts& texts_;
  const bool dense_;
  std::vector<std::shared_ptr<Table>> tables_;
  // By number, if dense: the table in the upper four bits. kDenseNowhere: none.
  static constexpr uint32_t kDenseNowhere = 0xffffffff;
  static constexpr int kDenseBits = 28;
  std::vector<uint32_t> places_;
};

}  // namespace stockroom::api
