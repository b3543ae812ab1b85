#include "services/api/events/event_watch.h"

#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::Status ShuttingDown() {
  return Unavailable("SHUTTING_DOWN", "this api is shutting down; watch on at another one");
}

}  // namespace

EventWatches::EventWatches(Options options, EventLog& log, MetadataStore& store, Executor& executor,
                           TimerQueue& timers, Metrics& metrics)
    : options_(options),
      log_(log),
      store_(store),
      executor_(executor),
      timers_(timers),
      watchers_gauge_(metrics.GetGauge("stockroom_event_watchers", "Open watches of the feed.")) {}

absl::StatusOr<std::shared_ptr<EventWatch>> EventWatches::Open(const Principal& who,
                                                               WatchFilter filter,
                                                               std::optional<int64_t> after) {
  if (after.value_or(0) < 0) return InvalidField("after_position", "expected 0 or more");
  const int64_t position = after.value_or(log_.last());
  MutexLock lock(mu_);
  if (draining_) return ShuttingDown();
  if (static_cast<int>(watches_.size()) >= options_.max_watchers) {
    return Overloaded("too many watchers; watch on at another api", absl::Seconds(5));
  }
  std::shared_ptr<EventWatch> watch(new EventWatch(*this, who, std::move(filter), position));
  watches_.insert(watch.get());
  watchers_gauge_.Set(static_cast<int64_t>(watches_.size()));
  return watch;
}

void EventWatches::Forget(EventWatch* watch) {
  MutexLock lock(mu_);
  watches_.erase(watch);
  watchers_gauge_.Set(static_cast<int64_t>(watches_.size()));
}

void EventWatches::Drain() {
  std::vector<std::shared_ptr<EventWatch>> open;
  {
    MutexLock lock(mu_);
    draining_ = true;
    for (EventWatch* watch : watches_) {
      // Null for one that is being destroyed and waits for this lock.
      if (auto held = watch->weak_from_this().lock()) open.push_back(std::move(held));
    }
  }
  for (const auto& watch : open) watch->End(ShuttingDown());
}

EventWatch::~EventWatch() { owner_.Forget(this); }

int64_t EventWatch::position() const {
  MutexLock lock(mu_);
  return position_;
}

bool EventWatch::Shows(const Event& event) const {
  if (!filter_.types.empty() && !filter_.types.contains(event.type)) return false;
  if (!filter_.image_id.empty() && filter_.image_id != event.image_id) return false;
  return MayFind(who_, event.owner, event.visibility);
}

void EventWatch::Next(Done done) {
  absl::Status ended;
  uint64_t number = 0;
  {
    MutexLock lock(mu_);
    ended = ended_;
    if (ended.ok()) {
      number = ++asked_;
      done_ = std::move(done);
      const absl::Time when = absl::Now() + owner_.options_.heartbeat;
      heartbeat_ = owner_.timers_.RunAt(when, [weak = weak_from_this(), number] {
        if (auto self = weak.lock()) self->Answer(number, WatchBatch{.position = self->position()});
      });
    }
  }
  if (!ended.ok()) return done(ended);
  Look(number);
}

std::optional<EventWatch::Question> EventWatch::Current(uint64_t number) const {
  MutexLock lock(mu_);
  if (!done_ || number != asked_) return std::nullopt;
  return Question{.number = number, .from = position_};
}

bool EventWatch::SkipTo(uint64_t number, int64_t position) {
  MutexLock lock(mu_);
  if (!done_ || number != asked_) return false;
  position_ = position;
  return true;
}

void EventWatch::Look(uint64_t number) {
  for (;;) {
    const std::optional<Question> question = Current(number);
    if (!question) return;
    EventLog::Batch read = owner_.log_.Read(question->from, owner_.options_.batch);
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
void EventWatch::LookInStore(Question question) {
  const bool queued = owner_.executor_.SubmitAdmitted([self = shared_from_this(), question] {
    if (!self->Current(question.number)) return;
    absl::StatusOr<std::vector<Event>> events =
        self->owner_.store_.ReadEvents(question.from, self->owner_.options_.batch);
    if (!events.ok()) {
      const bool trimmed = DetailsOf(events.status()).reason == "FEED_TRIMMED";
      return self->Answer(
          question.number,
          trimmed ? Annotate(events.status(),
                             "list or search anew, then watch from the position of that answer")
                  : events.status());
    }
    if (events->empty()) return self->Wait(question);
    const int64_t upto = events->back().position;
    std::erase_if(*events, [&](const Event& event) { return !self->Shows(event); });
    if (!events->empty()) {
      return self->Answer(question.number, WatchBatch{*std::move(events), upto});
    }
    if (self->SkipTo(question.number, upto)) self->Look(question.number);
  });
  if (!queued) Answer(question.number, ShuttingDown());
}

void EventWatch::Wait(Question question) {
  const uint64_t id =
      owner_.log_.WaitBeyond(question.from, [weak = weak_from_this(), number = question.number] {
        // Elsewhere: this may be the follower's thread, which many watchers share, or a Look below.
        auto self = weak.lock();
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

void EventWatch::Answer(uint64_t number, absl::StatusOr<WatchBatch> batch) {
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

void EventWatch::End(absl::Status why) {
  uint64_t number = 0;
  {
    MutexLock lock(mu_);
    if (ended_.ok()) ended_ = why;
    number = asked_;
  }
  Answer(number, std::move(why));
}

}  // namespace stockroom::api
