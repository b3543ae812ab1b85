// Being told of changes to images: by this process when it made one itself, and by the change feed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "services/api/domain/image.h"

namespace stockroom::api {

// For what must hold at once at the api that acknowledged a write. Thread-safe; must not block.
class WriteListener {
 public:
  virtual ~WriteListener() = default;
  // Committed, and nobody has been told yet. `image` is as it is now.
  virtual void Changed(const Image& image) = 0;
  // `image` is as it was.
  virtual void Deleted(const Image& image) = 0;
};

// What an event of the feed did to the index.
struct FollowedChange {
  std::string id;
  // As the index had it; null if it had not (only READY images are in it).
  std::shared_ptr<const Image> before;
  int64_t revision = 0;    // as it is by now; 0: it is deleted
  bool ready = false;      // as it is by now
  bool processed = false;  // a worker's results came in
};

// Told in the order of the feed, on the follower's thread; must not block.
class FeedListener {
 public:
  virtual ~FeedListener() = default;
  // The index is loaded as a whole; changes may have been missed. It holds every write that was
  // committed before the beginning once that has ended.
  virtual void BeginAnew() = 0;
  virtual void EndAnew() = 0;
  // The index reflects these.
  virtual void Followed(std::span<const FollowedChange> changes) = 0;
};

}  // namespace stockroom::api
