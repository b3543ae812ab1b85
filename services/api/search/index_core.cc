#include "services/api/search/index_core.h"

#include <bit>
#include <utility>

#include "services/api/search/similar/color.h"
#include "services/common/base/clock.h"
#include "services/common/base/log.h"

namespace stockroom::api {
namespace {

// Counting what the suggestions take costs a look at every owner.
constexpr absl::Duration kBetweenBudgetChecks = absl::Milliseconds(100);

template <typename Visit>
void ForEachLive(const Snapshot& snapshot, Visit visit) {
  for (uint32_t s = 0; s < snapshot.segments.size(); ++s) {
    const DocBits& live = snapshot.segments[s].live;
    for (uint32_t chunk = 0; chunk < live.chunks(); ++chunk) {
      if (live.chunk(chunk) == nullptr) continue;
      for (uint32_t word = 0; word < kChunkWords; ++word) {
        for (uint64_t bits = (*live.chunk(chunk))[word]; bits != 0; bits &= bits - 1) {
          visit(Snapshot::Place{
              s, chunk * kChunkDocs + word * 64 + static_cast<uint32_t>(std::countr_zero(bits))});
        }
      }
    }
  }
}

}  // namespace

IndexCore::IndexCore(std::unique_ptr<DocumentStore> documents, MemorySearchIndex::Options options,
                     Metrics& metrics)
    : metrics_(metrics),
      options_(std::move(options)),
      state_(std::move(documents), metrics_),
      writer_(state_, options_.encoder, options_.loaded_at_once),
      duplicates_(state_),
      merger_(state_, duplicates_) {
  // Not while a search waits for it.
  PrepareColors();
}

std::vector<std::string> IndexCore::Apply(std::vector<Image> changed,
                                          const std::vector<std::string>& deleted) {
  std::vector<std::string> lost;
  {
    ReadLock with_others(applying_);
    lost = writer_.Apply(std::move(changed), deleted);
  }
  merger_.AfterChange();
  CheckBudget();
  return lost;
}

void IndexCore::BeginLoading() {
  WriteLock alone(applying_);
  state_.loading = true;
}

void IndexCore::EndLoading() {
  {
    WriteLock alone(applying_);
    if (!state_.loading) return;
    writer_.FinishLoading();
    state_.loading = false;
  }
  merger_.AfterChange();
  CheckBudget();
}

std::vector<std::string> IndexCore::KeepOnly(const std::unordered_set<std::string>& ids) {
  std::vector<std::string> gone;
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  ForEachLive(*now, [&](Snapshot::Place place) {
    std::string id = now->segments[place.segment].segment->id(place.doc);
    if (!ids.contains(id)) gone.push_back(std::move(id));
  });
  if (!gone.empty()) Apply({}, gone);
  return gone;
}

std::vector<std::pair<std::string, uint32_t>> IndexCore::Popularity() const {
  std::vector<std::pair<std::string, uint32_t>> counts;
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  ForEachLive(*now, [&](Snapshot::Place place) {
    const SegmentState& state = now->segments[place.segment];
    const uint32_t count = state.loose->popularity.At(place.doc);
    if (count > 0) counts.emplace_back(state.segment->id(place.doc), count);
  });
  return counts;
}

std::vector<IndexSum> IndexCore::Sums() {
  if (damaged() == 0) {
    MutexLock lock(state_.mu);
    return {state_.sums.begin(), state_.sums.end()};
  }
  // The hash of a damaged document is not known when it is taken out, so the sums that are kept are
  // not to be trusted. These count it as nothing, and therefore tell that it is missing.
  std::vector<IndexSum> sums(kIndexBuckets);
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  ForEachLive(*now, [&](Snapshot::Place place) {
    IndexSum& sum = sums[BucketOf(now->segments[place.segment].segment->id(place.doc))];
    ++sum.images;
    sum.sum += now->Read(place).content_hash;
  });
  return sums;
}

std::map<size_t, ImageHashes> IndexCore::Buckets(const std::set<size_t>& buckets) const {
  std::map<size_t, ImageHashes> images;
  for (const size_t bucket : buckets) images[bucket] = {};
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  ForEachLive(*now, [&](Snapshot::Place place) {
    std::string id = now->segments[place.segment].segment->id(place.doc);
    const auto wanted = images.find(BucketOf(id));
    if (wanted == images.end()) return;
    wanted->second.emplace_back(std::move(id), now->Read(place).content_hash);
  });
  return images;
}

ImageHashes IndexCore::HashesOf(std::span<const std::string> ids) const {
  ImageHashes hashes;
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  for (const std::string& id : ids) {
    if (const auto place = now->Find(id)) hashes.emplace_back(id, now->Read(*place).content_hash);
  }
  return hashes;
}

std::vector<MemoryPart> IndexCore::Memory() const {
  SegmentBytes parts;
  uint64_t live = 0;
  uint64_t tags = 0;
  uint64_t clusters = duplicates_.bytes();
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  for (const SegmentState& state : now->segments) {
    const SegmentBytes of = state.segment->parts();
    parts.postings += of.postings;
    parts.dictionary += of.dictionary;
    parts.columns += of.columns;
    parts.ids += of.ids;
    parts.looks += of.looks;
    const BytesBeside beside = IndexState::BytesBesideOf(state);
    live += beside.live;
    tags += beside.tags;
    clusters += beside.clusters;
  }
  return {{"postings", parts.postings},
          {"dictionary", parts.dictionary},
          {"columns", parts.columns},
          {"ids", parts.ids},
          {"looks", parts.looks},
          {"live", live},
          {"tags", tags},
          {"suggestions", state_.suggestions->bytes()},
          {"clusters", clusters},
          {"documents", state_.documents->usage().bytes, true}};
}

void IndexCore::CheckBudget() {
  const int64_t now_ns = absl::ToInt64Nanoseconds(BootTimeNow());
  int64_t last = budget_checked_ns_;
  if (last != 0 && now_ns - last < absl::ToInt64Nanoseconds(kBetweenBudgetChecks)) return;
  if (!budget_checked_ns_.compare_exchange_strong(last, now_ns)) return;
  const uint64_t bytes =
      IndexState::BytesOf(*state_.cell.Load()) + state_.suggestions->bytes() + duplicates_.bytes();
  metrics_.memory.Set(static_cast<int64_t>(bytes));
  if (options_.memory_budget_bytes == 0) return;
  const bool over = bytes > options_.memory_budget_bytes;
  if (state_.over_budget.exchange(over) == over) return;
  metrics_.over_budget.Set(over ? 1 : 0);
  if (over) {
    LogWarning("the search index needs more memory than it may: how new images look is left out",
               {{"bytes", bytes}, {"budget", options_.memory_budget_bytes}});
  } else {
    LogInfo("the search index is within its memory again", {{"bytes", bytes}});
  }
}

}  // namespace stockroom::api
