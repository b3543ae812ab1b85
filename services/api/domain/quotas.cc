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
  return Judge(it->second.usage(), 1);
}

Quotas::Count& Quotas::CountOf(const std::string& owner) {
  // Counts are cheap to take again; what is under way must not be forgotten.
  if (counts_.size() >= options_.max_owners && !counts_.contains(owner)) {
    std::erase_if(counts_, [](const auto& entry) {
      return entry.second.pending.images == 0 && entry.second.looks == 0;
    });
  }
  return counts_[owner];
}

std::optional<Quotas::Look> Quotas::BeginLook(Count& count) {
  const absl::Time now = clock_.Now();
  if (count.known && (now - count.looked <= options_.refresh || count.looking)) return std::nullopt;
  count.looking = true;
  ++count.looks;
  return Look{
      .number = ++count.last_look, .recounts = count.recounts, .kept = count.kept, .begin = now};
}

absl::Status Quotas::EndLook(Count& count, const Look& look, const absl::StatusOr<Usage>& usage) {
  --count.looks;
  const bool current = look.recounts == count.recounts;
  if (current) count.looking = false;
  if (!usage.ok()) return usage.status();
  // One that began later, or at the same time and ended sooner, knows no less.
  if (look.number < count.counted_look || count.looked >= look.begin) return absl::OkStatus();
  count.counted_look = look.number;
  count.known = true;
  count.counted = {usage->images + count.kept.images - look.kept.images,
                   usage->bytes + count.kept.bytes - look.kept.bytes};
  count.looked = current ? look.begin : absl::InfinitePast();
  return absl::OkStatus();
}

absl::Status Quotas::TakeFrom(Count& count, int64_t bytes) {
  SR_RETURN_IF_ERROR(Judge(count.usage(), bytes));
  ++count.pending.images;
  count.pending.bytes += bytes;
  return absl::OkStatus();
}

absl::Status Quotas::Take(const std::string& owner, int64_t bytes) {
  if (!on()) return absl::OkStatus();
  std::optional<Look> look;
  {
    MutexLock lock(mu_);
    Count& count = CountOf(owner);
    look = BeginLook(count);
    if (!look) return TakeFrom(count, bytes);
  }
  const absl::StatusOr<Usage> usage = store_.UsageOf(owner);
  MutexLock lock(mu_);
  Count& count = counts_[owner];
  SR_RETURN_IF_ERROR(EndLook(count, *look, usage));
  return TakeFrom(count, bytes);
}

void Quotas::Keep(const std::string& owner, int64_t bytes) {
  if (!on()) return;
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) return;
  Count& count = it->second;
  --count.pending.images;
  count.pending.bytes -= bytes;
  for (Usage* usage : {&count.counted, &count.kept}) {
    ++usage->images;
    usage->bytes += bytes;
  }
}

void Quotas::GiveBack(const std::string& owner, int64_t bytes) {
  if (!on()) return;
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) return;
  --it->second.pending.images;
  it->second.pending.bytes -= bytes;
}

void Quotas::Recount(const std::string& owner) {
  if (!on()) return;
  MutexLock lock(mu_);
  const auto it = counts_.find(owner);
  if (it == counts_.end()) return;
  it->second.looked = absl::InfinitePast();
  it->second.looking = false;
  ++it->second.recounts;
}

}  // namespace stockroom::api
