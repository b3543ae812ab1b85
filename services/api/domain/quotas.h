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
// `refresh` and what this process adds is added: an owner may get past the quota by what other apis
// store for them meanwhile. Thread-safe.
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

  // RESOURCE_EXHAUSTED (QUOTA_EXCEEDED), with limit and use in the metadata, if the owner has no
  // room for another image of `bytes`; the store's errors. Blocks on the store.
  absl::Status Check(const std::string& owner, int64_t bytes);
  // What is known without waiting: OK if that is nothing. For not taking bytes in vain.
  absl::Status CheckKnown(const std::string& owner);
  void Added(const std::string& owner, int64_t bytes);

 private:
  struct Count {
    Usage usage;
    absl::Time taken;
  };
  bool on() const { return options_.max_images > 0 || options_.max_bytes > 0; }
  absl::Status Judge(const Usage& usage, int64_t bytes) const;

  const Options options_;
  MetadataStore& store_;
  Clock& clock_;
  Mutex mu_;
  std::unordered_map<std::string, Count> counts_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
