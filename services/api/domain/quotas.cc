#include "services/api/domain/quotas.h"

#include <optional>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::Status Exceeded(const char* what, int64_t limit, int64_t used) {
  return MakeStatus(
      absl::StatusCode::kResourceExhausted,
      "the quota is used up: " + std::to_string(used) + " of " + std::to_string(limit) + " " +
          what + "; delete some, or ask for more",
      {.reason = "QUOTA_EXCEEDED",
       .metadata = {
           {"of", what}, {"limit", std::to_string(limit)}, {"used", std::to_string(used)}}});
}

}  // namespace

absl::Status Quotas::Judge(const Usage& usage, int64_t bytes) const {
  if (options_.max_images > 0 && usage.images >= options_.max_images) {
    return Exceeded("images", options_.max_images, usage.images);
  }
  if (options_.max_bytes > 0 && usage.bytes > options_.max_bytes - bytes) {
    return Exceeded("bytes", options_.max_bytes, usage.bytes);
  }
  return absl::OkStatus();
}

absl::Status Quotas::CheckKnown(const std::string& owner) {
  if (!on()) return absl::OkStatus();
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end() || clock_.Now() - it->second.taken > options_.refresh) {
    return absl::OkStatus();
  }
  return Judge(it->second.usage, 1);
}

absl::Status Quotas::Check(const std::string& owner, int64_t bytes) {
  if (!on()) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  {
    MutexLock lock(mu_);
    const auto it = counts_.find(owner);
    if (it != counts_.end() && now - it->second.taken <= options_.refresh) {
      return Judge(it->second.usage, bytes);
    }
  }
  SR_ASSIGN_OR_RETURN(const Usage usage, store_.UsageOf(owner));
  MutexLock lock(mu_);
  // Counts are cheap to take again.
  if (counts_.size() >= options_.max_owners) counts_.clear();
  counts_[owner] = {usage, now};
  return Judge(usage, bytes);
}

void Quotas::Added(const std::string& owner, int64_t bytes) {
  if (!on()) return;
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) return;
  ++it->second.usage.images;
  it->second.usage.bytes += bytes;
}

}  // namespace stockroom::api
