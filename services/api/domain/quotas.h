// How much each owner may keep.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Counting an owner's rows for each upload would cost more than the upload, so a count is used for
// `refresh`, and what this process lets in is added to it: an owner may get past the quota by what
// other apis store for them meanwhile. Thread-safe.
class Quotas {
 public:
  struct Options {
    int64_t max_images = 0;  // 0: no limit
    int64_t max_bytes = 0;   // of originals; 0: no limit
    absl::Duration refresh = absl::Seconds(30);
    // Owners whose counts are kept.
    size_t max_owners = 10'000;
  };
  Quotas(Options options, MetadataStore& store, Clock& clock)
      : options_(options), store_(store), clock_(clock) {}

  // Takes room for an image of `bytes`. RESOURCE_EXHAUSTED (QUOTA_EXCEEDED), with limit and use in
  // the metadata, if the owner has none; the store's errors. Blocks on the store.
  absl::Status Take(const std::string& owner, int64_t bytes);
  // What was taken is in the store: a look that begins after this sees it. Each Take that succeeded
  // is followed by this or by GiveBack.
  void Keep(const std::string& owner, int64_t bytes);
  // The image was not stored after all.
  void GiveBack(const std::string& owner, int64_t bytes);
  // Room was freed, of which another api may have known more: the next Take counts the rows.
  void Recount(const std::string& owner);
  // What is known without waiting: OK if that is nothing. For not taking bytes in vain.
  absl::Status CheckKnown(const std::string& owner);

 private:
  struct Count {
    // Of the last look, and what was kept since it began: it may or may not have seen that.
    Usage counted;
    absl::Time looked = absl::InfinitePast();
    bool known = false;
    // Taken, and neither kept nor given back: no look sees it for sure.
    Usage pending;
    Usage kept;  // ever
    // Of the last look that has begun, and of the one that `counted` is of.
    int64_t last_look = 0;
    int64_t counted_look = 0;
    int looks = 0;  // under way
    // What a look says that began before the last Recount is good only until the next one.
    int64_t recounts = 0;
    bool looking = false;  // since the last Recount
    Usage usage() const { return {counted.images + pending.images, counted.bytes + pending.bytes}; }
  };
  // One count of rows.
  struct Look {
    int64_t number = 0;
    int64_t recounts = 0;
    Usage kept;
    absl::Time begin;
  };
  bool on() const { return options_.max_images > 0 || options_.max_bytes > 0; }
  absl::Status Judge(const Usage& usage, int64_t bytes) const;
  Count& CountOf(const std::string& owner) SR_REQUIRES(mu_);
  // Something if the caller is to count the rows; then EndLook has to follow.
  std::optional<Look> BeginLook(Count& count) SR_REQUIRES(mu_);
  absl::Status EndLook(Count& count, const Look& look, const absl::StatusOr<Usage>& usage)
      SR_REQUIRES(mu_);
  absl::Status TakeFrom(Count& count, int64_t bytes) SR_REQUIRES(mu_);

  const Options options_;
  MetadataStore& store_;
  Clock& clock_;
  Mutex mu_;
  std::unordered_map<std::string, Count> counts_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
