#include "services/api/events/feed_follower.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

FeedFollower::FeedFollower(Options options, MetadataStore& store, SearchIndex& index,
                           FeedPosition& position, Completions& completions, Metrics& metrics)
    : options_(std::move(options)),
      store_(store),
      index_(index),
      position_(position),
      completions_(completions),
      position_gauge_(metrics.GetGauge("stockroom_index_position",
                                       "Position of the change feed that the index reflects.")),
      images_gauge_(metrics.GetGauge("stockroom_index_images", "Images in the search index.")),
      events_total_(metrics.GetCounter("stockroom_feed_events_total", "Events followed.")),
      load_backoff_({.floor = options_.load_pause,
                     .first = options_.load_pause,
                     .longest = options_.longest_load_pause}) {}

FeedFollower::~FeedFollower() { Stop(); }

void FeedFollower::Start(absl::AnyInvocable<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  loop_.Start("feed", [this] { Run(); });
}

void FeedFollower::Poke() { loop_.Poke(); }

void FeedFollower::Stop() {
  loop_.Stop();
  MutexLock lock(errand_mu_);
  over_ = true;
  errand_changed_.NotifyAll();
}

absl::Status FeedFollower::Between(absl::FunctionRef<void()> work) {
  Errand errand{.work = work};
  MutexLock lock(errand_mu_);
  while (errand_ != nullptr && !over_) errand_changed_.Wait(errand_mu_);
  if (!over_) errand_ = &errand;
  loop_.Poke();
  while (!errand.done && !over_) errand_changed_.Wait(errand_mu_);
  if (errand_ == &errand) errand_ = nullptr;
  errand_changed_.NotifyAll();
  return errand.done ? absl::OkStatus() : absl::CancelledError("the change feed is not followed");
}

void FeedFollower::RunBetween() {
  MutexLock lock(errand_mu_);
  if (errand_ == nullptr || errand_->done) return;
  if (options_.listener != nullptr) options_.listener->BeginAnew();
  errand_->work();
  if (options_.listener != nullptr) options_.listener->EndAnew();
  errand_->done = true;
  errand_changed_.NotifyAll();
}

void FeedFollower::Run() {
  Backoff backoff({.first = absl::Milliseconds(100), .longest = absl::Seconds(2)});
  for (;;) {
    RunBetween();
    const absl::StatusOr<bool> more = ready() ? FollowOnce() : BeginOnce();
    absl::Duration pause = options_.poll;
    if (!more.ok()) {
      LogWarning("the change feed can not be read", {{"error", more.status()}});
      pause = backoff.Next();
    } else {
      backoff.Reset();
      if (*more) pause = absl::ZeroDuration();
    }
    if (!loop_.Sleep(pause)) return;
  }
}

absl::StatusOr<bool> FeedFollower::BeginOnce() {
  if (!tried_restore_ && options_.restore != nullptr) {
    SR_RETURN_IF_ERROR(Restore());
    tried_restore_ = true;
  }
  if (!restored_until_) {
    if (BootTimeNow() < load_at_) return false;
    SR_RETURN_IF_ERROR(Bootstrap());
    return true;
  }
  SR_ASSIGN_OR_RETURN(const bool more, FollowOnce());
  if (!ready() && !load_anew_ && position_.Get() >= *restored_until_) BecomeReady();
  return more || (!ready() && !load_anew_);
}

absl::Status FeedFollower::Restore() {
  const absl::Time start = absl::Now();
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, store_.GetFeedRange());
  SR_ASSIGN_OR_RETURN(const std::optional<int64_t> restored, options_.restore());
  if (!restored) return absl::OkStatus();
  const int64_t position = *restored;
  // Should the feed be trimmed further than that by now, a load must look for what is gone.
  loaded_before_ = true;
  if (options_.listener != nullptr) {
    options_.listener->BeginAnew();
    options_.listener->EndAnew();
  }
  position_.Advance(position);
  position_gauge_.Set(position);
  if (options_.log != nullptr) options_.log->Restart(position);
  restored_until_ = range.last;
  LogInfo("search index restored", {{"images", index_.size()},
                                    {"position", position},
                                    {"behind", range.last - position},
                                    {"ms", absl::ToInt64Milliseconds(absl::Now() - start)}});
  return absl::OkStatus();
}

void FeedFollower::BecomeReady() {
  images_gauge_.Set(index_.size());
  if (!ready_.exchange(true)) on_ready_();
}

absl::Status FeedFollower::Bootstrap() {
  const absl::Time start = absl::Now();
  // Only an earlier attempt, failed or not, can have left what is gone by now.
  const bool again = std::exchange(loaded_before_, true);
  whole_ = false;
  Mutex mu;
  std::set<std::string> lost;  // one more than most_lost stands for any number
  std::unordered_set<std::string> there;
  if (options_.listener != nullptr) options_.listener->BeginAnew();
  // Whoever searches meanwhile gets suggestions as they should be.
  IndexLoading* const loading = ready() ? nullptr : options_.loading;
  if (loading != nullptr) loading->BeginLoading();
  const absl::StatusOr<int64_t> position = store_.Snapshot([&](std::vector<Image> images) {
    if (again) {
      MutexLock lock(mu);
      for (const Image& image : images) there.insert(image.id);
    }
    std::vector<std::string> left_out = index_.Apply(std::move(images), {});
    MutexLock lock(mu);
    for (std::string& id : left_out) {
      if (lost.size() <= options_.most_lost) lost.insert(std::move(id));
    }
    return absl::OkStatus();
  });
  if (loading != nullptr) loading->EndLoading();
  if (!position.ok()) return Annotate(position.status(), "loading the search index");
  std::vector<std::string> gone;
  if (again) gone = index_.KeepOnly(there);
  const bool too_full = lost.size() > options_.most_lost;
  if (lost.empty()) {
    load_backoff_.Reset();
  } else {
    load_at_ = BootTimeNow() + load_backoff_.Next();
    apply_lost_at_ = BootTimeNow() + lost_backoff_.Next();
  }
  if (!too_full) {
    lost_ = lost;
    load_anew_ = false;
    whole_ = lost_.empty();
    if (options_.listener != nullptr) options_.listener->EndAnew();
    position_.Advance(*position);
    position_gauge_.Set(*position);
    if (options_.log != nullptr) options_.log->Restart(*position);
  }
  // Nobody will find again that these are gone.
  for (const std::string& id : gone) {
    completions_.Notify(id);
    options_.on_deleted(id);
  }
  if (too_full) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "more than " + std::to_string(options_.most_lost) +
                          " images could not be put into the search index; its disk is full",
                      {.reason = "INDEX_FULL"});
  }
  BecomeReady();
  LogInfo("search index loaded", {{"images", index_.size()},
                                  {"lost", lost.size()},
                                  {"position", *position},
                                  {"ms", absl::ToInt64Milliseconds(absl::Now() - start)}});
  return absl::OkStatus();
}

absl::StatusOr<FeedPiece> ReadFeedPiece(MetadataStore& store, int64_t position, int batch) {
  FeedPiece piece;
  SR_ASSIGN_OR_RETURN(piece.events, store.ReadEvents(position, batch));
  std::set<std::string> changed;
  for (const Event& event : piece.events) {
    if (event.type == kImageDeleted) {
      piece.deleted.push_back(event.image_id);
      changed.erase(event.image_id);
    } else {
      changed.insert(event.image_id);
    }
  }
  if (changed.empty()) return piece;
  const std::vector<std::string> ids(changed.begin(), changed.end());
  SR_ASSIGN_OR_RETURN(piece.changed, store.GetImages(ids));
  return piece;
}

void FeedFollower::Apply(std::vector<Image> changed, const std::vector<std::string>& deleted) {
  for (const Image& image : changed) lost_.erase(image.id);
  for (const std::string& id : deleted) lost_.erase(id);
  for (std::string& id : index_.Apply(std::move(changed), deleted)) lost_.insert(std::move(id));
  if (lost_.size() > options_.most_lost && !load_anew_) {
    load_anew_ = true;
    load_at_ = std::max(load_at_, BootTimeNow() + load_backoff_.Next());
  }
  // All of them will be loaded.
  if (load_anew_) lost_.clear();
  whole_ = lost_.empty() && !load_anew_;
}

absl::Status FeedFollower::ApplyLost() {
  if (lost_.empty()) {
    lost_backoff_.Reset();
    return absl::OkStatus();
  }
  if (BootTimeNow() < apply_lost_at_) return absl::OkStatus();
  const std::vector<std::string> ids(lost_.begin(), lost_.end());
  SR_ASSIGN_OR_RETURN(std::vector<Image> rows, store_.GetImages(ids));
  // Those without a row are deleted, which the feed says, too.
  lost_.clear();
  Apply(std::move(rows), {});
  apply_lost_at_ = BootTimeNow() + lost_backoff_.Next();
  return absl::OkStatus();
}

absl::StatusOr<bool> FeedFollower::FollowOnce() {
  if (load_anew_ && BootTimeNow() >= load_at_) {
    SR_RETURN_IF_ERROR(Bootstrap());
    return true;
  }
  // Until then it goes on with what there is room for, and takes out what was deleted.
  SR_RETURN_IF_ERROR(ApplyLost());
  absl::StatusOr<FeedPiece> piece = ReadFeedPiece(store_, position_.Get(), options_.batch);
  if (DetailsOf(piece.status()).reason == kFeedTrimmed) {
    // Nothing can be followed before that.
    if (std::exchange(load_anew_, true)) return false;
    LogWarning("this api fell behind the feed and starts anew", {{"position", position_.Get()}});
    return BootTimeNow() >= load_at_;
  }
  SR_RETURN_IF_ERROR(piece.status());
  const std::vector<Event>& events = piece->events;
  if (events.empty()) return false;
  const std::vector<std::string>& deleted = piece->deleted;
  std::vector<Image>& images = piece->changed;
  std::vector<std::string> processed;
  std::set<std::string> made;
  for (const Event& event : events) {
    // All but those that say nothing about an end: the job's, or of what moderation decides.
    const bool over = event.type != kImageCreated && event.type != kImageUpdated;
    if (over) processed.push_back(event.image_id);
    if (event.type == kImageReady) made.insert(event.image_id);
  }
  std::vector<FollowedChange> changes;
  if (options_.listener != nullptr) {
    for (const std::string& id : deleted) changes.push_back({.id = id, .before = index_.Find(id)});
    for (const Image& image : images) {
      changes.push_back({.id = image.id,
                         .before = index_.Find(image.id),
                         .revision = image.revision,
                         .ready = image.state == ImageState::kReady,
                         .processed = made.contains(image.id)});
    }
  }
  Apply(std::move(images), deleted);
  // Before anybody can know that the index is so far.
  if (options_.listener != nullptr) options_.listener->Followed(changes);
  events_total_.Add(events.size());
  position_.Advance(events.back().position);
  position_gauge_.Set(events.back().position);
  images_gauge_.Set(index_.size());
  if (options_.log != nullptr) options_.log->Append(events);
  // After the index, so that whoever was told finds what they were told of.
  for (const std::string& id : processed) completions_.Notify(id);
  for (const std::string& id : deleted) options_.on_deleted(id);
  return static_cast<int>(events.size()) == options_.batch;
}

}  // namespace stockroom::api
