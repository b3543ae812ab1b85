#include "services/api/events/feed_follower.h"

#include <pthread.h>

#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "services/common/base/backoff.h"
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
      events_total_(metrics.GetCounter("stockroom_feed_events_total", "Events followed.")) {}

FeedFollower::~FeedFollower() { Stop(); }

void FeedFollower::Start(absl::AnyInvocable<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "feed");
    Run();
  });
}

void FeedFollower::Poke() {
  MutexLock lock(mu_);
  poked_ = true;
  wake_.NotifyOne();
}

void FeedFollower::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool FeedFollower::Sleep(absl::Duration longest) {
  MutexLock lock(mu_);
  if (!poked_ && !stopping_) wake_.WaitFor(mu_, longest);
  poked_ = false;
  return !stopping_;
}

void FeedFollower::Run() {
  Backoff backoff({.first = absl::Milliseconds(100), .longest = absl::Seconds(2)});
  for (;;) {
    absl::StatusOr<bool> more = true;
    if (ready()) {
      more = FollowOnce();
    } else if (absl::Status loaded = Bootstrap(); !loaded.ok()) {
      more = loaded;
    }
    absl::Duration pause = options_.poll;
    if (!more.ok()) {
      LogWarning("the change feed can not be read", {{"error", more.status()}});
      pause = backoff.Next();
    } else {
      backoff.Reset();
      if (*more) pause = absl::ZeroDuration();
    }
    if (!Sleep(pause)) return;
  }
}

absl::Status FeedFollower::Bootstrap() {
  const absl::Time start = absl::Now();
  // Only an earlier attempt, failed or not, can have left what is gone by now.
  const bool again = std::exchange(loaded_before_, true);
  std::unordered_set<std::string> there;
  const absl::StatusOr<int64_t> position = store_.Snapshot([&](std::vector<Image> images) {
    for (const Image& image : images) {
      if (again) there.insert(image.id);
    }
    index_.Apply(std::move(images), {});
    return absl::OkStatus();
  });
  if (!position.ok()) return Annotate(position.status(), "loading the search index");
  std::vector<std::string> gone;
  if (again) gone = index_.KeepOnly(there);
  position_.Advance(*position);
  position_gauge_.Set(*position);
  images_gauge_.Set(index_.size());
  if (options_.log != nullptr) options_.log->Restart(*position);
  for (const std::string& id : gone) {
    completions_.Notify(id);
    options_.on_deleted(id);
  }
  if (!ready_.exchange(true)) on_ready_();
  LogInfo("search index loaded", {{"images", index_.size()},
                                  {"position", *position},
                                  {"ms", absl::ToInt64Milliseconds(absl::Now() - start)}});
  return absl::OkStatus();
}

absl::StatusOr<bool> FeedFollower::FollowOnce() {
  const absl::StatusOr<std::vector<Event>> read =
      store_.ReadEvents(position_.Get(), options_.batch);
  if (DetailsOf(read.status()).reason == kFeedTrimmed) {
    LogWarning("this api fell behind the feed and starts anew", {{"position", position_.Get()}});
    SR_RETURN_IF_ERROR(Bootstrap());
    return true;
  }
  SR_RETURN_IF_ERROR(read.status());
  const std::vector<Event>& events = *read;
  if (events.empty()) return false;
  std::set<std::string> changed;
  std::vector<std::string> deleted;
  std::vector<std::string> processed;
  for (const Event& event : events) {
    if (event.type == kImageDeleted) {
      deleted.push_back(event.image_id);
      changed.erase(event.image_id);
    } else {
      changed.insert(event.image_id);
    }
    const bool over =
        event.type == kImageReady || event.type == kImageFailed || event.type == kImageDeleted;
    if (over) processed.push_back(event.image_id);
  }
  const std::vector<std::string> ids(changed.begin(), changed.end());
  SR_ASSIGN_OR_RETURN(std::vector<Image> images, store_.GetImages(ids));
  index_.Apply(std::move(images), deleted);
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
