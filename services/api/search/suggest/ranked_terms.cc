#include "services/api/search/suggest/ranked_terms.h"

#include <algorithm>

namespace stockroom::api {
namespace {

constexpr uint32_t kFan = 16;

// At least 0.
template <typename Counts>
int32_t MaxIn(const Counts& counts, uint32_t block) {
  int32_t max = 0;
  const size_t end = std::min<size_t>(counts.size(), (size_t{block} + 1) * kFan);
  for (size_t at = size_t{block} * kFan; at < end; ++at) max = std::max(max, counts[at]);
  return max;
}

// What was saved comes as the tables it stood in: sorted each, and each far smaller than the one
// before. Else it is sorted as usual.
template <typename T, typename Less>
void SortRuns(std::vector<T>& all, Less less) {
  constexpr size_t kMostRuns = 16;
  std::vector<typename std::vector<T>::iterator> ends;
  for (auto it = all.begin(); it != all.end() && ends.size() < kMostRuns;) {
    it = std::is_sorted_until(it, all.end(), less);
    ends.push_back(it);
  }
  if (ends.empty() || ends.back() != all.end()) return std::sort(all.begin(), all.end(), less);
  for (size_t run = ends.size() - 1; run > 0; --run) {
    const auto begin = run > 1 ? ends[run - 2] : all.begin();
    std::inplace_merge(begin, ends[run - 1], all.end(), less);
  }
}

}  // namespace

void RankedTerms::Table::Finish() {
  counts.Pack();
  maxima.clear();
  const auto add_above = [this](const auto& below) {
    std::vector<int32_t> level((below.size() + kFan - 1) / kFan);
    for (size_t i = 0; i < below.size(); ++i) {
      level[i / kFan] = std::max(level[i / kFan], below[i]);
    }
    maxima.push_back(std::move(level));
  };
  add_above(counts);
  while (maxima.back().size() > 1) add_above(std::vector<int32_t>(maxima.back()));
}

void RankedTerms::Table::Set(uint32_t at, int32_t count) {
  const int32_t before = std::max(0, counts[at]);
  counts.Set(at, count);
  int32_t old_max = before;
  int32_t new_max = std::max(0, count);
  for (size_t n = 0; n < maxima.size(); ++n) {
    std::vector<int32_t>& level = maxima[n];
    const uint32_t block = at / kFan;
    int32_t& max = level[block];
    if (new_max >= max) {
      if (new_max == max) return;
    } else {
      // Less than the others' maximum before and now: nothing changes.
      if (old_max < max) return;
      new_max = n == 0 ? MaxIn(counts, block) : MaxIn(maxima[n - 1], block);
      if (new_max == max) return;
    }
    old_max = max;
    max = new_max;
    at = block;
  }
}

uint32_t RankedTerms::Table::LowerBound(const TermTexts& texts, std::string_view text,
                                        uint32_t from) const {
  const auto it =
      std::lower_bound(ids.begin() + from, ids.end(), text,
                       [&](TermId id, std::string_view wanted) { return texts.text(id) < wanted; });
  return static_cast<uint32_t>(it - ids.begin());
}

std::pair<uint32_t, uint32_t> RankedTerms::Table::WithPrefix(const TermTexts& texts,
                                                             std::string_view prefix) const {
  const uint32_t begin = LowerBound(texts, prefix);
  const auto end = std::partition_point(ids.begin() + begin, ids.end(), [&](TermId id) {
    return texts.text(id).starts_with(prefix);
  });
  return {begin, static_cast<uint32_t>(end - ids.begin())};
}

uint64_t RankedTerms::Locate(TermId id) const {
  if (dense_) {
    if (id >= places_.size() || places_[id] == kDenseNowhere) return kNowhere;
    return PlaceOf(places_[id] >> kDenseBits, places_[id] & ((1u << kDenseBits) - 1));
  }
  for (size_t t = 0; t < tables_.size(); ++t) {
    const Table& table = *tables_[t];
    const uint32_t at = table.LowerBound(texts_, texts_.text(id));
    if (at < table.size() && table.ids[at] == id) return PlaceOf(t, at);
  }
  return kNowhere;
}

int32_t RankedTerms::Count(TermId id) const {
  const uint64_t place = Locate(id);
  return place == kNowhere ? 0 : tables_[place >> 32]->counts[place & 0xffffffff];
}

std::shared_ptr<RankedTerms::Prepared> RankedTerms::Prepare(
    const std::vector<Change>& changes) const {
  auto prepared = std::make_shared<Prepared>();
  std::vector<Change> fresh;
  for (const Change& change : changes) {
    const uint64_t place = Locate(change.id);
    if (place == kNowhere) {
      fresh.push_back(change);
    } else {
      prepared->changes.emplace_back(place, change.delta);
    }
  }
  if (fresh.empty()) return prepared;
  SortRuns(fresh,
           [&](const Change& a, const Change& b) { return texts_.text(a.id) < texts_.text(b.id); });
  prepared->added = std::make_shared<Table>();
  prepared->added->Reserve(fresh.size());
  for (const Change& change : fresh) {
    prepared->added->ids.push_back(change.id);
    prepared->added->counts.Add(change.delta);
  }
  prepared->added->Finish();
  return prepared;
}

void RankedTerms::NotePlaces(size_t table) {
  if (!dense_) return;
  const std::vector<TermId>& ids = tables_[table]->ids;
  if (places_.size() < texts_.size()) places_.resize(texts_.size(), kDenseNowhere);
  for (size_t at = 0; at < ids.size(); ++at) {
    places_[ids[at]] = static_cast<uint32_t>(table << kDenseBits | at);
  }
}

void RankedTerms::Commit(const Prepared& prepared) {
  for (const auto& [place, delta] : prepared.changes) {
    Table& table = *tables_[place >> 32];
    const auto at = static_cast<uint32_t>(place & 0xffffffff);
    table.Set(at, table.counts[at] + delta);
  }
  if (prepared.added == nullptr) return;
  tables_.push_back(prepared.added);
  NotePlaces(tables_.size() - 1);
}

std::shared_ptr<RankedTerms::Prepared> RankedTerms::Tidy() const {
  size_t first = tables_.size();
  uint64_t together = 0;
  while (first > 0) {
    const uint64_t before = tables_[first - 1]->size();
    if (first < tables_.size() && before > together * kShare) break;
    together += before;
    --first;
  }
  if (tables_.size() - first < 2) return nullptr;
  auto tidy = std::make_shared<Prepared>();
  tidy->replaces = tables_.size() - first;
  // From the smallest to the largest, so that each is moved few times.
  auto merged = std::make_shared<Table>(*tables_.back());
  for (size_t t = tables_.size() - 1; t-- > first;) {
    const Table& other = *tables_[t];
    auto next = std::make_shared<Table>();
    next->Reserve(merged->size() + other.size());
    const auto take = [&](const Table& from, uint32_t at) {
      if (from.counts[at] == 0) return;
      next->ids.push_back(from.ids[at]);
      next->counts.Add(from.counts[at]);
    };
    uint32_t a = 0;
    for (uint32_t b = 0; b < merged->size(); ++b) {
      const uint32_t stop = other.LowerBound(texts_, texts_.text(merged->ids[b]), a);
      for (; a < stop; ++a) take(other, a);
      take(*merged, b);
    }
    for (; a < other.size(); ++a) take(other, a);
    merged = std::move(next);
  }
  merged->Finish();
  tidy->added = std::move(merged);
  return tidy;
}

void RankedTerms::CommitTidy(const Prepared& tidy) {
  if (dense_) {
    // What is not taken along is nowhere.
    for (size_t t = tables_.size() - tidy.replaces; t < tables_.size(); ++t) {
      for (const TermId id : tables_[t]->ids) places_[id] = kDenseNowhere;
    }
  }
  tables_.resize(tables_.size() - tidy.replaces);
  if (tidy.added->ids.empty()) return;
  tables_.push_back(tidy.added);
  NotePlaces(tables_.size() - 1);
}

uint64_t RankedTerms::size() const {
  uint64_t size = 0;
  for (const auto& table : tables_) size += table->size();
  return size;
}

uint64_t RankedTerms::bytes() const {
  uint64_t bytes = sizeof(*this) + places_.capacity() * sizeof(uint32_t);
  for (const auto& table : tables_) {
    bytes += sizeof(Table) + table->ids.capacity() * sizeof(TermId) + table->counts.bytes();
    for (const auto& level : table->maxima) bytes += level.capacity() * sizeof(int32_t);
  }
  return bytes;
}

RankedTerms::Stream::Stream(const RankedTerms& terms, std::string_view prefix) : terms_(terms) {
  for (size_t t = 0; t < terms.tables_.size(); ++t) {
    const Table& table = *terms.tables_[t];
    const auto [begin, end] = table.WithPrefix(terms.texts_, prefix);
    if (begin >= end) continue;
    size_ += end - begin;
    ranges_.push_back({static_cast<uint32_t>(t), begin, end});
    Push(static_cast<uint32_t>(ranges_.size() - 1), 0, static_cast<int>(table.maxima.size()));
  }
}

void RankedTerms::Stream::Push(uint32_t range, uint64_t first, int level) {
  const Range& of = ranges_[range];
  const Table& table = *terms_.tables_[of.table];
  const uint64_t end = first + (uint64_t{1} << 4 * level);
  if (first >= of.end || end <= of.begin) return;
  const int32_t max =
      level == 0 ? table.counts[first] : table.maxima[level - 1][first >> 4 * level];
  if (max <= 0) return;
  heap_.push_back({max, range, static_cast<uint32_t>(std::max<uint64_t>(first, of.begin)), level});
  std::push_heap(heap_.begin(), heap_.end(),
                 [this](const Node& a, const Node& b) { return Before(b, a); });
}

bool RankedTerms::Stream::Before(const Node& a, const Node& b) const {
  if (a.max != b.max) return a.max > b.max;
  // A node comes no later than what it holds, so that equally frequent terms come in order.
  if (a.range == b.range) return a.first != b.first ? a.first < b.first : a.level > b.level;
  const auto text = [this](const Node& node) {
    return terms_.texts_.text(terms_.tables_[ranges_[node.range].table]->ids[node.first]);
  };
  return text(a) < text(b);
}

std::optional<RankedTerms::Change> RankedTerms::Stream::Next() {
  while (!heap_.empty()) {
    const Node node = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(),
                  [this](const Node& a, const Node& b) { return Before(b, a); });
    heap_.pop_back();
    if (node.level == 0) {
      return Change{terms_.tables_[ranges_[node.range].table]->ids[node.first], node.max};
    }
    const uint64_t first = uint64_t{node.first} >> 4 * node.level << 4 * node.level;
    const uint64_t step = uint64_t{1} << 4 * (node.level - 1);
    for (uint32_t child = 0; child < kFan; ++child) {
      Push(node.range, first + child * step, node.level - 1);
    }
  }
  return std::nullopt;
}

}  // namespace stockroom::api
