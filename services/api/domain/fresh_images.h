// Images out of memory, never older than what this api has acknowledged itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/time/time.h"
#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// The index follows the feed some milliseconds behind the commits of this very process. So what it
// wrote is noted until the index has it. Thread-safe; nothing blocks.
class FreshImages {
 public:
  struct Options {
    // Writes that the index does not have yet. Past it nothing comes out of memory until the index
    // has caught up.
    size_t most_noted = 65536;
    // An index that is further behind than this serves old pictures whatever is noted; and some
    // notes are never taken back: the feed was faster, or the write made no event.
    absl::Duration longest_noted = absl::Minutes(5);
  };
  explicit FreshImages(const SearchIndex& index) : FreshImages(Options{}, index) {}
  FreshImages(Options options, const SearchIndex& index) : options_(options), index_(index) {}

  // Null: the store knows.
  std::shared_ptr<const Image> Find(const std::string& id) const;
  // Whether an image that was read a moment ago, from wherever, may still be shown as it is.
  bool IsCurrent(const Image& image) const;

  void Wrote(const std::string& id, int64_t revision);
  void Deleted(const std::string& id);

  // The index has this revision, or a later one, or that the image is deleted.
  void Followed(const std::string& id, int64_t revision);
  void FollowedDeletion(const std::string& id);
  // A mark for what was noted until now; and: the index has all of that.
  uint64_t Mark() const;
  void FollowedAll(uint64_t mark);

 private:
  struct Note {
    int64_t revision = 0;
    uint64_t serial = 0;
    absl::Time since;
  };
  void Add(const std::string& id, int64_t revision);
  void ForgetOld(absl::Time now) SR_REQUIRES(mu_);
  void Show() SR_REQUIRES(mu_);
  // The least revision that may be shown, 0 for any.
  int64_t Least(const std::string& id) const;

  const Options options_;
  const SearchIndex& index_;
  // How many are noted: mostly none, and then reading costs nothing.
  std::atomic<size_t> noted_{0};
  mutable Mutex mu_;
  std::unordered_map<std::string, Note> notes_ SR_GUARDED_BY(mu_);
  bool overflowed_ SR_GUARDED_BY(mu_) = false;
  std::string newest_ SR_GUARDED_BY(mu_);  // if overflowed_
  uint64_t next_ SR_GUARDED_BY(mu_) = 1;
  absl::Time forgot_old_ SR_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace stockroom::api
