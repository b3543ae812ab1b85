#include "services/api/events/event_watches.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr char kStartAnew[] = "list or search anew, then watch from the position of that answer";

absl::Status ShuttingDown() {
  return Unavailable("SHUTTING_DOWN", "this api is shutting down; watch on at another one");
}

// Adds what a watcher is to do about it.
absl::Status ForWatcher(const absl::Status& status) {
  if (DetailsOf(status).reason != kFeedTrimmed) return status;
  return Annotate(status, kStartAnew);
}

absl::Status Ahead(int64_t position, int64_t last) {
  return MakeStatus(
      absl::StatusCode::kOutOfRange,
      "the feed ends at " + std::to_string(last) + ", before " + std::to_string(position) + "; " +
          kStartAnew,
      {.reason = "FEED_POSITION_AHEAD", .metadata = {{"last", std::to_string(last)}}});
}

}  // namespace

// Each question has a number. A look that was begun for an earlier one (its wait ended while its
// sign of life answered) must not answer a later one: it would repeat events.
class EventWatches::Watch final : public EventWatch, public std::enable_shared_from_this<Watch> {
 public:
  Watch(EventWatches& owner, Principal who, WatchFilter filter, int64_t position)
      : owner_(owner), who_(std::move(who)), filter_(std::move(filter)), position_(position) {}
  ~Watch() override { owner_.Forget(this); }

  void Begin(Done done) override;
  void Next(Done done) override;
  void End() override { End(absl::CancelledError("the watcher is gone")); }
  void End(absl::Status why);

 private:
  struct Question {
    uint64_t number = 0;
    int64_t from = 0;
  };
  // nullopt after End, with `done` told so.
  std::optional<Question> Ask(Done done);
  // Nothing if `number` is not asked any more.
  std::optional<Question> Current(uint64_t number) const;
  void CheckRange(Question question);
  // Looks from position_ on; answers or waits.
  void Look(uint64_t number);
  void LookInStore(Question question);
  void Wait(Question question);
  // False if the question is not asked any more.
  bool SkipTo(uint64_t number, int64_t position);
  bool Shows(const Event& event) const;
  void Answer(uint64_t number, absl::StatusOr<WatchBatch> batch);

  EventWatches& owner_;
  const Principal who_;
  const WatchFilter filter_;
  mutable Mutex mu_;
  int64_t position_ SR_GUARDED_BY(mu_);
  uint64_t asked_ SR_GUARDED_BY(mu_) = 0;
  Done done_ SR_GUARDED_BY(mu_);  // null: no question under way
  absl::Status ended_ SR_GUARDED_BY(mu_);
  std::optional<uint64_t> wait_ SR_GUARDED_BY(mu_);
  std::optional<TimerQueue::Id> heartbeat_ SR_GUARDED_BY(mu_);
};

EventWatches::EventWatches(Options options, EventLog& log, MetadataStore& store, Executor& executor,
                           TimerQueue& timers, Metrics& metrics)
    : options_(options),
      log_(log),
      store_(store),
      executor_(executor),
      timers_(timers),
      watchers_gauge_(metrics.GetGauge("stockroom_event_watchers", "Open watches of the feed.")) {}

EventWatches::~EventWatches() {
  Drain();
  MutexLock lock(mu_);
  while (!watches_.empty()) all_gone_.Wait(mu_);
}

absl::StatusOr<std::shared_ptr<EventWatch>> EventWatches::Open(const Principal& who,
                                                               WatchFilter filter,
                                                               std::optional<int64_t> after) {
  if (after.value_or(0) < 0) return InvalidField("after_position", "expected 0 or more");
  if (!after) after = log_.last();
  if (!after) {
    return MakeStatus(absl::StatusCode::kUnavailable,
                      "this api is still loading its index; watch at another one, or try again",
                      {.reason = "INDEX_LOADING", .retry_after = absl::Seconds(1)});
  }
  MutexLock lock(mu_);
  if (draining_) return ShuttingDown();
  if (static_cast<int>(watches_.size()) >= options_.max_watchers) {
    return Overloaded("too many watchers; watch on at another api", absl::Seconds(5));
  }
  auto watch = std::make_shared<Watch>(*this, who, std::move(filter), *after);
  watches_.insert(watch.get());
  watchers_gauge_.Set(static_cast<int64_t>(watches_.size()));
  return watch;
}

void EventWatches::Forget(Watch* watch) {
  MutexLock lock(mu_);
  watches_.erase(watch);
  watchers_gauge_.Set(static_cast<int64_t>(watches_.size()));
  if (watches_.empty()) all_gone_.NotifyAll();
}

void EventWatches::Drain() {
  std::vector<std::shared_ptr<Watch>> open;
  {
    MutexLock lock(mu_);
    draining_ = true;
    for (Watch* watch : watches_) {
      // Null for one that is being destroyed and waits for this lock.
      if (auto held = watch->weak_from_this().lock()) open.push_back(std::move(held));
    }
  }
  for (const auto& watch : open) watch->End(ShuttingDown());
}

bool EventWatches::Watch::Shows(const Event& event) const {
  if (!filter_.types.empty() && !filter_.types.contains(event.type)) return false;
  if (!filter_.image_id.empty() && filter_.image_id != event.image_id) return false;
  return MayFind(who_, event.owner, event.visibility);
}

std::optional<EventWatches::Watch::Question> EventWatches::Watch::Ask(Done done) {
  absl::Status ended;
  {
    MutexLock lock(mu_);
    ended = ended_;
    if (ended.ok()) {
      done_ = std::move(done);
      return Question{.number = ++asked_, .from = position_};
    }
  }
  done(ended);
  return std::nullopt;
}

void EventWatches::Watch::Begin(Done done) {
  const std::optional<Question> question = Ask(std::move(done));
  if (!question) return;
  const bool here = !owner_.log_.Read(question->from, 1).behind &&
                    question->from <= owner_.log_.last().value_or(0);
  if (here) return Answer(question->number, WatchBatch{.position = question->from});
  const bool queued = owner_.executor_.SubmitAdmitted(
      [self = shared_from_this(), question] { self->CheckRange(*question); });
  if (!queued) Answer(question->number, ShuttingDown());
}

// On the executor. A watcher may well be ahead of this api's log, but not of the feed.
void EventWatches::Watch::CheckRange(Question question) {
  const absl::Status kept = owner_.store_.ReadEvents(question.from, 1).status();
  if (!kept.ok()) return Answer(question.number, ForWatcher(kept));
  const absl::StatusOr<MetadataStore::FeedRange> range = owner_.store_.GetFeedRange();
  if (!range.ok()) return Answer(question.number, range.status());
  if (question.from > range->last)
    return Answer(question.number, Ahead(question.from, range->last));
  Answer(question.number, WatchBatch{.position = question.from});
}

void EventWatches::Watch::Next(Done done) {
  const std::optional<Question> question = Ask(std::move(done));
  if (!question) return;
  const uint64_t number = question->number;
  {
    MutexLock lock(mu_);
    if (number != asked_ || !done_) return;
    const absl::Time when = absl::Now() + owner_.options_.heartbeat;
    heartbeat_ = owner_.timers_.RunAt(when, [weak = weak_from_this(), number] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      if (const auto current = self->Current(number)) {
        self->Answer(number, WatchBatch{.position = current->from});
      }
    });
  }
  Look(number);
}

std::optional<EventWatches::Watch::Question> EventWatches::Watch::Current(uint64_t number) const {
  MutexLock lock(mu_);
  if (!done_ || number != asked_) return std::nullopt;
  return Question{.number = number, .from = position_};
}

bool EventWatches::Watch::SkipTo(uint64_t number, int64_t position) {
  MutexLock lock(mu_);
  if (!done_ || number != asked_) return false;
  position_ = position;
  return true;
}

void EventWatches::Watch::Look(uint64_t number) {
  for (;;) {
    const std::optional<Question> question = Current(number);
    if (!question) return;
    EventLog::Batch read =
        owner_.log_.Read(question->from, static_cast<size_t>(owner_.options_.batch));
    if (read.behind) return LookInStore(*question);
    if (read.events.empty()) return Wait(*question);
    std::erase_if(read.events, [this](const Event& event) { return !Shows(event); });
    if (!read.events.empty()) {
      return Answer(number, WatchBatch{std::move(read.events), read.position});
    }
    if (!SkipTo(number, read.position)) return;
  }
}

// On the executor, batch by batch, so that a watcher far behind takes turns with others.
void EventWatches::Watch::LookInStore(Question question) {
  const bool queued = owner_.executor_.SubmitAdmitted([self = shared_from_this(), question] {
    if (!self->Current(question.number)) return;
    absl::StatusOr<std::vector<Event>> events =
        self->owner_.store_.ReadEvents(question.from, self->owner_.options_.batch);
    if (!events.ok()) return self->Answer(question.number, ForWatcher(events.status()));
    // What the index does not hold yet is not told yet.
    const int64_t indexed = self->owner_.log_.last().value_or(0);
    std::erase_if(*events, [&](const Event& event) { return event.position > indexed; });
    if (events->empty()) {
      const int64_t upto = std::max(question.from, indexed);
      if (!self->SkipTo(question.number, upto)) return;
      return self->Wait({.number = question.number, .from = upto});
    }
    const int64_t upto = events->back().position;
    std::erase_if(*events, [&](const Event& event) { return !self->Shows(event); });
    if (!events->empty()) {
      return self->Answer(question.number, WatchBatch{*std::move(events), upto});
    }
    if (self->SkipTo(question.number, upto)) self->Look(question.number);
  });
  if (!queued) Answer(question.number, ShuttingDown());
}

void EventWatches::Watch::Wait(Question question) {
  const uint64_t id =
      owner_.log_.WaitBeyond(question.from, [weak = weak_from_this(), number = question.number] {
        // Elsewhere: this may be the follower's thread, which many watchers share, or a Look below.
        const auto self = weak.lock();
        if (self == nullptr) return;
        const bool queued =
            self->owner_.executor_.SubmitAdmitted([self, number] { self->Look(number); });
        if (!queued) self->Answer(number, ShuttingDown());
      });
  bool over = false;
  {
    MutexLock lock(mu_);
    over = !done_ || question.number != asked_;
    if (!over) wait_ = id;
  }
  if (over) owner_.log_.CancelWait(id);
}

void EventWatches::Watch::Answer(uint64_t number, absl::StatusOr<WatchBatch> batch) {
  Done done;
  std::optional<uint64_t> wait;
  std::optional<TimerQueue::Id> heartbeat;
  {
    MutexLock lock(mu_);
    if (!done_ || number != asked_) return;
    done = std::exchange(done_, nullptr);
    wait = std::exchange(wait_, std::nullopt);
    heartbeat = std::exchange(heartbeat_, std::nullopt);
    if (batch.ok()) position_ = batch->position;
    if (!batch.ok() && ended_.ok()) ended_ = batch.status();
  }
  if (wait) owner_.log_.CancelWait(*wait);
  if (heartbeat) owner_.timers_.Cancel(*heartbeat);
  done(std::move(batch));
}

void EventWatches::Watch::End(absl::Status why) {
  uint64_t number = 0;
  {
    MutexLock lock(mu_);
    if (ended_.ok()) ended_ = why;
    number = asked_;
  }
  Answer(number, std::move(why));
}

}  // namespace stockroom::api
