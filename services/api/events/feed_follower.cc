#include "services/api/events/feed_follower.h"

#include <pthread.h>

#include <set>
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

void FeedFollower::Start() {
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
    absl::StatusOr<bool> more = ready() ? FollowOnce() : absl::StatusOr<bool>(Bootstrap().ok());
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
  const absl::StatusOr<int64_t> position = store_.Snapshot([this](std::vector<Image> images) {
    index_.Apply(std::move(images), {});
    return absl::OkStatus();
  });
  if (!position.ok()) {
    LogWarning("the search index can not be loaded", {{"error", position.status()}});
    return position.status();
  }
  position_.Advance(*position);
  position_gauge_.Set(*position);
  images_gauge_.Set(index_.size());
  ready_ = true;
  LogInfo("search index loaded", {{"images", index_.size()},
                                  {"position", *position},
                                  {"ms", absl::ToInt64Milliseconds(absl::Now() - start)}});
  return absl::OkStatus();
}

absl::StatusOr<bool> FeedFollower::FollowOnce() {
  SR_ASSIGN_OR_RETURN(const std::vector<Event> events,
                      store_.ReadEvents(position_.Get(), options_.batch));
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
  // After the index, so that whoever was told finds what they were told of.
  for (const std::string& id : processed) completions_.Notify(id);
  for (const std::string& id : deleted) options_.on_deleted(id);
  return static_cast<int>(events.size()) == options_.batch;
}

}  // namespace stockroom::api
