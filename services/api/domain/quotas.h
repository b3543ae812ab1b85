// How much each owner may keep.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
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
  // The image was not stored after all.
  void GiveBack(const std::string& owner, int64_t bytes);
  // What is known without waiting: OK if that is nothing. For not taking bytes in vain.
  absl::Status CheckKnown(const std::string& owner);

 private:
  struct Count {
    // Of the last look, and what was taken since.
    Usage usage;
    absl::Time looked;
    // A look is under way: what is taken meanwhile may or may not be seen by it, and counts.
    bool looking = false;
    Usage taken_meanwhile;
  };
  bool on() const { return options_.max_images > 0 || options_.max_bytes > 0; }
  absl::Status Judge(const Usage& usage, int64_t bytes) const;
  // True if the caller is to count the rows.
  bool MustLook(const std::string& owner);

  const Options options_;
  MetadataStore& store_;
  Clock& clock_;
  Mutex mu_;
  std::unordered_map<std::string, Count> counts_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
