#include "services/imageproc/core/admission_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {
namespace {

// How much longer than a render of the same cost a job waits. Nobody looks at it, but somebody
// waits for it: uploads are usually asked for within seconds.
constexpr absl::Duration kJobCourtesy = absl::Seconds(2);
// Work that is too large for the memory that is left lets others pass for so long; then those that
// run are let end without new ones coming.
constexpr absl::Duration kMemoryPatience = absl::Seconds(2);
// Nobody is sent away for less: the way there and back takes about as long.
constexpr absl::Duration kShortestRetry = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(30);

// Some 30 renders count. Within bounds: a stopped clock or one odd picture must not
// close the door, nor open it to everybody.
constexpr double kMemoryOfPace = 0.97;
constexpr double kFastest = 0.5;
constexpr double kSlowest = 20;

absl::Duration TimeOf(const RenderCost& cost) {
  return absl::Milliseconds(std::clamp(cost.cpu_ms, 0.0, 1e7));
}

// When each of a number of places (slots, or the slots for jobs) is free.
class Places {
 public:
  explicit Places(int count) : free_(static_cast<size_t>(std::max(1, count))) {}

  absl::Duration First() const { return *std::min_element(free_.begin(), free_.end()); }
  // From `start`, on the place that was idle for the shortest time.
  void Occupy(absl::Duration start, absl::Duration time) {
    absl::Duration* best = nullptr;
    for (absl::Duration& free : free_) {
      if (free <= start && (best == nullptr || free > *best)) best = &free;
    }
    if (best == nullptr) best = &*std::min_element(free_.begin(), free_.end());
    *best = std::max(start, *best) + time;
  }

 private:
  std::vector<absl::Duration> free_;
};

}  // namespace

AdmissionQueue::Place AdmissionQueue::PlaceOf(Id id, const Work& work) const {
  const absl::Duration courtesy =
      work.work == WorkClass::kJob ? kJobCourtesy : absl::ZeroDuration();
  return {work.entered + TimeOf(work.cost) + courtesy, id};
}

absl::Status AdmissionQueue::Busy(std::string_view why, absl::Duration retry_after) const {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    absl::StrCat("The worker is busy: ", Av(why), "."),
                    {.reason = "WORKER_BUSY",
                     .retry_after = std::clamp(retry_after, kShortestRetry, kLongestRetry)});
}

absl::StatusOr<AdmissionQueue::Id> AdmissionQueue::Enter(const RenderCost& cost, int64_t held_bytes,
                                                         WorkClass work, absl::Time now) {
  if (work == WorkClass::kInteractive) {
    // When half of what waits is done there is room again.
    const absl::Duration room = waiting_work() * pace() / options_.slots / 2;
    if (renders_ >= options_.max_renders) return Busy("too many renders wait", room);
    if (renders_ > 0 && held_bytes_ + held_bytes > options_.max_held_bytes) {
      return Busy("the pictures that wait fill its memory", room);
    }
    const absl::Duration wait = PredictWait(cost, work, now);
    if (wait > options_.max_wait) {
      return Busy(absl::StrCat("this would wait for ", absl::ToInt64Milliseconds(wait), " ms"),
                  wait - options_.max_wait);
    }
    ++renders_;
  }
  const Id id = next_++;
  const auto& added =
      work_.emplace(id, Work{.cost = cost, .held_bytes = held_bytes, .work = work, .entered = now})
          .first->second;
  if (work == WorkClass::kInteractive) held_bytes_ += held_bytes;
  line_.insert(PlaceOf(id, added));
  return id;
}

void AdmissionQueue::Ready(Id id) {
  const auto found = work_.find(id);
  if (found != work_.end()) found->second.ready = true;
}

bool AdmissionQueue::HasSlotFor(const Work& work) const {
  if (running() >= options_.slots) return false;
  if (work.work == WorkClass::kJob && running_jobs_ >= std::max(1, options_.job_slots)) {
    return false;
  }
  return !IsExpensive(work) || running_expensive_ < ExpensiveSlots();
}

bool AdmissionQueue::HasMemoryFor(const Work& work) const {
  return running_.empty() || running_bytes_ + work.cost.memory_bytes <= options_.max_running_bytes;
}

std::optional<AdmissionQueue::Id> AdmissionQueue::StartNext(absl::Time now) {
  for (const Place& place : line_) {
    const Id id = place.second;
    Work& work = work_.at(id);
    if (!work.ready || !HasSlotFor(work)) continue;
    if (!HasMemoryFor(work)) {
      if (now - work.entered > kMemoryPatience) return std::nullopt;
      continue;
    }
    line_.erase(place);
    running_.insert(id);
    work.began = now;
    running_jobs_ += work.work == WorkClass::kJob ? 1 : 0;
    running_expensive_ += IsExpensive(work) ? 1 : 0;
    running_bytes_ += work.cost.memory_bytes;
    return id;
  }
  return std::nullopt;
}

double AdmissionQueue::pace() const {
  return std::clamp(absl::FDivDuration(taken_, predicted_), kFastest, kSlowest);
}

void AdmissionQueue::Leave(Id id, absl::Time now) {
  const auto found = work_.find(id);
  if (found == work_.end()) return;
  const Work& work = found->second;
  if (running_.erase(id) > 0) {
    running_jobs_ -= work.work == WorkClass::kJob ? 1 : 0;
    running_expensive_ -= IsExpensive(work) ? 1 : 0;
    running_bytes_ -= work.cost.memory_bytes;
    // What jobs cost is a guess anyway.
    if (work.work == WorkClass::kInteractive) {
      predicted_ = predicted_ * kMemoryOfPace + TimeOf(work.cost);
      taken_ = taken_ * kMemoryOfPace + (now - work.began);
    }
  } else {
    line_.erase(PlaceOf(id, work));
  }
  if (work.work == WorkClass::kInteractive) {
    --renders_;
    held_bytes_ -= work.held_bytes;
  }
  work_.erase(found);
}

// Plays through what will happen: at most a few hundred steps over a handful of slots.
absl::Duration AdmissionQueue::PredictWait(const RenderCost& cost, WorkClass work,
                                           absl::Time now) const {
  Places slots(options_.slots);
  Places job_slots(options_.job_slots);
  Places expensive_slots(ExpensiveSlots());
  const auto start_of = [&](const Work& next) {
    absl::Duration start = slots.First();
    if (IsExpensive(next)) start = std::max(start, expensive_slots.First());
    if (next.work == WorkClass::kJob) start = std::max(start, job_slots.First());
    return start;
  };
  const auto run = [&](const Work& next, absl::Duration start, absl::Duration time) {
    slots.Occupy(start, time);
    if (IsExpensive(next)) expensive_slots.Occupy(start, time);
    if (next.work == WorkClass::kJob) job_slots.Occupy(start, time);
  };
  for (const Id id : running_) {
    const Work& running = work_.at(id);
    const absl::Duration left = TimeOf(running.cost) * pace() - (now - running.began);
    run(running, absl::ZeroDuration(), std::max(absl::ZeroDuration(), left));
  }
  const Work newcomer{.cost = cost, .work = work, .entered = now};
  const Place place = PlaceOf(next_, newcomer);
  for (const Place& ahead : line_) {
    if (place < ahead) break;
    const Work& waiting = work_.at(ahead.second);
    run(waiting, start_of(waiting), TimeOf(waiting.cost) * pace());
  }
  return start_of(newcomer);
}

absl::Duration AdmissionQueue::waiting_work() const {
  absl::Duration sum;
  for (const Place& place : line_) sum += TimeOf(work_.at(place.second).cost);
  return sum;
}

}  // namespace stockroom::imageproc
