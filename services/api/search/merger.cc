#include "services/api/search/merger.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "services/common/base/clock.h"
#include "services/common/base/log.h"

namespace stockroom::api {
namespace {

constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();
// From here on it pays to work out beforehand what searches ask of a segment.
constexpr uint32_t kWarmFrom = 16384;
// Of the thread in the background: a seventh of what a search gets where processors are short.
constexpr int kNiceness = 9;

// Popularity and cluster.
void CopyLoose(const SegmentState& from, Doc doc, SegmentState& to, Doc new_doc) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  to.loose->popularity.Set(new_doc, from.loose->popularity.At(doc));
  to.loose->cluster[new_doc].store(from.loose->cluster[doc].load(kRelaxed), kRelaxed);
}

bool IsCold(const SegmentState& state) {
  return state.segment->docs() >= kWarmFrom && state.loose->hints.bytes() == 0;
}

}  // namespace

std::vector<SegmentSize> Merger::SizesOf(const Snapshot& now) {
  absl::flat_hash_set<const Segment*> there;
  for (const SegmentState& state : now.segments) there.insert(state.segment.get());
  absl::flat_hash_set<const Segment*> refused;
  std::erase_if(refused_, [&](const auto& inputs) {
    return !std::all_of(inputs.begin(), inputs.end(),
                        [&](const auto& segment) { return there.contains(segment.get()); });
  });
  for (const auto& inputs : refused_) {
    for (const auto& segment : inputs) refused.insert(segment.get());
  }
  std::vector<SegmentSize> sizes;
  for (const SegmentState& state : now.segments) {
    const Segment* const segment = state.segment.get();
    sizes.push_back({.docs = segment->docs(),
                     .live = state.live.count(),
                     .busy = state_.busy.contains(segment) || refused.contains(segment)});
  }
  return sizes;
}

void Merger::NoLongerBusy(const Segment* segment) {
  state_.busy.erase(segment);
  state_.touched.erase(segment);
}

void Merger::GiveUp(const Job& job, bool refused) {
  MutexLock lock(state_.mu);
  std::vector<std::shared_ptr<const Segment>> inputs;
  for (const SegmentState& input : job.inputs) {
    NoLongerBusy(input.segment.get());
    inputs.push_back(input.segment);
  }
  if (refused) refused_.push_back(std::move(inputs));
}

Merger::Job Merger::Claim(const Snapshot& now, const std::vector<size_t>& chosen) {
  Job job;
  for (const size_t i : chosen) {
    job.inputs.push_back(now.segments[i]);
    state_.busy.insert(now.segments[i].segment.get());
  }
  return job;
}

std::optional<Merger::Job> Merger::Begin(uint64_t most) {
  if (stopping_) return std::nullopt;
  MutexLock lock(state_.mu);
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  const std::vector<size_t> chosen = ChooseMerge(SizesOf(*now), most);
  if (chosen.empty()) return std::nullopt;
  return Claim(*now, chosen);
}

std::optional<Merger::Job> Merger::BeginSmallest() {
  if (stopping_) return std::nullopt;
  MutexLock lock(state_.mu);
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  if (now->segments.size() <= kTooManySegments) return std::nullopt;
  const std::vector<size_t> chosen = ChooseSmallest(SizesOf(*now));
  if (chosen.empty()) return std::nullopt;
  state_.metrics.held_up.Add();
  return Claim(*now, chosen);
}

void Merger::AfterChange() {
  if (!state_.loading) {
    while (const std::optional<Job> job = Begin(kSmall)) Run(*job);
  }
  while (const std::optional<Job> job = BeginSmallest()) Run(*job);
  if (stopping_ || !HasWork()) return;
  {
    MutexLock lock(start_mu_);
    if (!started_ && !stopping_) loop_.Start("search-merge", [this] { Work(); });
    started_ = true;
  }
  loop_.Poke();
}

bool Merger::HasWork() {
  // Loading has the processors to itself: nobody searches until its end, and what it brings is
  // merged fewer times then.
  if (state_.loading) return false;
  MutexLock lock(state_.mu);
  if (!state_.unclustered.empty() || !state_.left_clusters.empty()) return true;
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  for (const SegmentState& state : now->segments) {
    if (IsCold(state)) return true;
  }
  return !ChooseMerge(SizesOf(*now), kAny).empty();
}

void Merger::Work() {
  // Searches come first. Niceness is a thread's own on Linux; without it all is well, too.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
  absl::Duration grouped = -kBetweenGroupings;
  do {
    if (state_.loading) continue;
    while (const std::optional<Job> job = Begin(kAny)) Run(*job);
    WarmUp();
    const absl::Duration now = BootTimeNow();
    if (now - grouped < kBetweenGroupings) continue;
    duplicates_.Step([this] { return stopping_.load(); });
    grouped = now;
    // A little later for what waits for the next grouping, and at once for merges.
  } while (loop_.Sleep(HasWork() ? kBetweenGroupings : absl::Hours(1)));
}

void Merger::WarmUp() {
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  for (const SegmentState& state : now->segments) {
    if (stopping_) return;
    if (IsCold(state)) state.loose->hints.Warm(*state.segment);
  }
}

void Merger::Settle() {
  while (const std::optional<Job> job = Begin(kAny)) Run(*job);
  WarmUp();
  while (duplicates_.Step([this] { return stopping_.load(); })) {
  }
}

void Merger::Stop() {
  stopping_ = true;
  MutexLock lock(start_mu_);
  loop_.Stop();
}

void Merger::Run(const Job& job) {
  std::vector<MergeInput> inputs;
  uint64_t docs = 0;
  for (const SegmentState& input : job.inputs) {
    inputs.push_back({input.segment, input.live});
    docs += input.segment->docs();
  }
  std::vector<std::pair<Locator, Locator>> moved;
  const absl::StatusOr<Merged> merged = Merge(
      inputs,
      [&](Locator from) {
        const Locator to = state_.documents->Relocate(from);
        if (to != from) moved.emplace_back(from, to);
        return to;
      },
      [this] { return stopping_.load(); });
  if (!merged.ok()) {
    if (!absl::IsCancelled(merged.status())) {
      LogError("segments of the search index could not be merged", {{"error", merged.status()}});
    }
    for (const auto& [from, to] : moved) state_.documents->Release(to);
    GiveUp(job, !absl::IsCancelled(merged.status()));
    return;
  }
  const uint32_t kept = merged->segment->docs();
  SegmentState state = StateOf(merged->segment, DocBits(kept, true));
  // What is merged while loading is soon merged again.
  if (kept >= kWarmFrom && !state_.loading) state.loose->hints.Warm(*merged->segment);
  // All of it before the lock, under which only what changed meanwhile is taken along: this thread
  // may be a nice one, for which those who wait for the lock would have to wait long.
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const std::vector<Doc>& new_docs = merged->new_docs[i];
    for (Doc doc = 0; doc < new_docs.size(); ++doc) {
      if (new_docs[doc] != kNoDoc) CopyLoose(job.inputs[i], doc, state, new_docs[doc]);
    }
  }
  Finish(job, *merged, std::move(state));
  for (const auto& [from, to] : moved) state_.documents->Release(from);
  state_.metrics.merges.Add();
  state_.metrics.merged.Add(kept);
  if (kept < docs) state_.metrics.rebuilds.Add();
}

void Merger::Finish(const Job& job, const Merged& merged, SegmentState state) {
  MutexLock lock(state_.mu);
  std::shared_ptr<Snapshot> next = state_.Copy();
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const Segment* const segment = job.inputs[i].segment.get();
    const auto now =
        std::find_if(next->segments.begin(), next->segments.end(),
                     [&](const SegmentState& one) { return one.segment.get() == segment; });
    CarryOver(job.inputs[i], *now, merged.new_docs[i], state);
    next->segments.erase(now);
    NoLongerBusy(segment);
  }
  next->segments.push_back(std::move(state));
  state_.Publish(std::move(next));
}

void Merger::CarryOver(const SegmentState& then, const SegmentState& now,
                       const std::vector<Doc>& new_docs, SegmentState& merged) {
  if (const auto touched = state_.touched.find(then.segment.get());
      touched != state_.touched.end()) {
    for (const Doc doc : touched->second) {
      if (new_docs[doc] != kNoDoc) CopyLoose(then, doc, merged, new_docs[doc]);
    }
  }
  for (uint32_t chunk = 0; chunk < then.live.chunks(); ++chunk) {
    const ChunkBitmap* const before = then.live.chunk(chunk);
    const ChunkBitmap* const after = now.live.chunk(chunk);
    // Copied on write: the same one says the same.
    if (before == after || before == nullptr) continue;
    for (uint32_t word = 0; word < kChunkWords; ++word) {
      uint64_t died = (*before)[word] & ~(after == nullptr ? 0 : (*after)[word]);
      for (; died != 0; died &= died - 1) {
        const Doc doc =
            chunk * kChunkDocs + word * 64 + static_cast<uint32_t>(std::countr_zero(died));
        const Doc to = new_docs[doc];
        merged.live.Clear(to);
        merged.ready.Clear(to);
        merged.open.Clear(to);
        state_.documents->Release(merged.segment->locator(to));
      }
    }
  }
  const auto waiting = state_.unclustered.find(then.segment.get());
  if (waiting == state_.unclustered.end()) return;
  const std::vector<Doc> docs = std::move(waiting->second);
  state_.unclustered.erase(waiting);
  std::vector<Doc>& to = state_.unclustered[merged.segment.get()];
  for (const Doc doc : docs) {
    if (new_docs[doc] != kNoDoc) to.push_back(new_docs[doc]);
  }
  if (to.empty()) state_.unclustered.erase(merged.segment.get());
}

}  // namespace stockroom::api
