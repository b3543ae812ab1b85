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
  if (it == counts_.end() || clock_.Now() - it->second.looked > options_.refresh) {
    return absl::OkStatus();
  }
  return Judge(it->second.usage, 1);
}

bool Quotas::MustLook(const std::string& owner) {
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) {
    // Counts are cheap to take again; those of looks under way come back by themselves.
    if (counts_.size() >= options_.max_owners) counts_.clear();
    return true;
  }
  Count& count = it->second;
  if (clock_.Now() - count.looked <= options_.refresh || count.looking) return false;
  count.looking = true;
  count.taken_meanwhile = {};
  return true;
}

absl::Status Quotas::Take(const std::string& owner, int64_t bytes) {
  if (!on()) return absl::OkStatus();
  if (MustLook(owner)) {
    const absl::Time before = clock_.Now();
    const absl::StatusOr<Usage> usage = store_.UsageOf(owner);
    MutexLock lock(mu_);
    const bool known = counts_.contains(owner);
    Count& count = counts_[owner];
    count.looking = false;
    if (!usage.ok()) {
      if (!known) counts_.erase(owner);
      return usage.status();
    }
    // Somebody else's first look may have ended meanwhile, and more was taken since.
    if (!known || count.looked <= before) {
      count.usage = {usage->images + count.taken_meanwhile.images,
                     usage->bytes + count.taken_meanwhile.bytes};
      count.looked = before;
    }
  }
  MutexLock lock(mu_);
  Count& count = counts_[owner];
  SR_RETURN_IF_ERROR(Judge(count.usage, bytes));
  for (Usage* usage : {&count.usage, &count.taken_meanwhile}) {
    ++usage->images;
    usage->bytes += bytes;
  }
  return absl::OkStatus();
}

void Quotas::GiveBack(const std::string& owner, int64_t bytes) {
  if (!on()) return;
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) return;
  for (Usage* usage : {&it->second.usage, &it->second.taken_meanwhile}) {
    --usage->images;
    usage->bytes -= bytes;
  }
}

}  // namespace stockroom::api
