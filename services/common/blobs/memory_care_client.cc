#include "services/common/blobs/memory_care_client.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom {

void MemoryCareClient::Set(const BlobVerdict& verdict, absl::Time touched) {
  MutexLock lock(mu_);
  blobs_[verdict.sha256] = verdict;
  things_[verdict.sha256] = {
      .sha256 = verdict.sha256, .blob = true, .size = verdict.size, .touched = touched};
}

void MemoryCareClient::SetRenditionsOnly(const Digest& digest) {
  MutexLock lock(mu_);
  blobs_.erase(digest);
  things_[digest] = {.sha256 = digest};
}

void MemoryCareClient::Remove(const Digest& digest) {
  MutexLock lock(mu_);
  blobs_.erase(digest);
  things_.erase(digest);
}

void MemoryCareClient::AddQuarantined(const QuarantinedBlob& blob) {
  MutexLock lock(mu_);
  quarantined_[blob.name] = blob;
}

void MemoryCareClient::AnswerAtMost(size_t verdicts) {
  MutexLock lock(mu_);
  at_most_ = verdicts;
}

void MemoryCareClient::BeforeVerify(std::function<void()> hook) {
  MutexLock lock(mu_);
  hook_ = std::move(hook);
}

absl::StatusOr<ScrubStatus> MemoryCareClient::GetScrubStatus(const CallContext& context) {
  SR_RETURN_IF_ERROR(context.Check());
  MutexLock lock(mu_);
  return scrub_;
}

absl::StatusOr<ScrubStatus> MemoryCareClient::StartScrub(const CallContext& context,
                                                         int64_t bytes_per_second) {
  SR_RETURN_IF_ERROR(context.Check());
  if (bytes_per_second < 0) return InvalidField("bytes_per_second", "must not be negative");
  MutexLock lock(mu_);
  if (scrub_.requested) {
    return MakeStatus(absl::StatusCode::kAborted, "a scrub that was started by hand runs already",
                      {.reason = "SCRUB_RUNS"});
  }
  scrub_.state = ScrubStatus::State::kRunning;
  scrub_.requested = true;
  ++scrub_.pass;
  return scrub_;
}

absl::StatusOr<QuarantinedPage> MemoryCareClient::ListQuarantined(const CallContext& context,
                                                                  const std::string& cursor,
                                                                  int page_size) {
  SR_RETURN_IF_ERROR(context.Check());
  MutexLock lock(mu_);
  QuarantinedPage page;
  for (auto it = quarantined_.upper_bound(cursor); it != quarantined_.end(); ++it) {
    if (static_cast<int>(page.blobs.size()) == page_size) {
      page.next_cursor = page.blobs.back().name;
      break;
    }
    page.blobs.push_back(it->second);
  }
  return page;
}

absl::StatusOr<StoredPage> MemoryCareClient::ListStored(const CallContext& context,
                                                        const std::string& cursor, int page_size) {
  SR_RETURN_IF_ERROR(context.Check());
  MutexLock lock(mu_);
  StoredPage page;
  for (const auto& [digest, thing] : things_) {
    if (digest.hex() <= cursor) continue;
    if (static_cast<int>(page.things.size()) == page_size) {
      page.next_cursor = page.things.back().sha256.hex();
      break;
    }
    page.things.push_back(thing);
  }
  return page;
}

absl::StatusOr<std::vector<BlobVerdict>> MemoryCareClient::VerifyBlobs(
    const CallContext& context, std::span<const Digest> digests, bool) {
  SR_RETURN_IF_ERROR(context.Check());
  std::function<void()> hook;
  {
    MutexLock lock(mu_);
    hook = hook_;
  }
  if (hook) hook();
  MutexLock lock(mu_);
  std::vector<BlobVerdict> verdicts;
  for (const Digest& digest : digests) {
    const auto it = blobs_.find(digest);
    verdicts.push_back(it != blobs_.end()
                           ? it->second
                           : BlobVerdict{.sha256 = digest, .state = BlobVerdict::State::kMissing});
    if (verdicts.size() >= at_most_) break;
  }
  return verdicts;
}

absl::StatusOr<DiskUsage> MemoryCareClient::GetDiskUsage(const CallContext& context) {
  SR_RETURN_IF_ERROR(context.Check());
  MutexLock lock(mu_);
  return DiskUsage{.quarantined = static_cast<int64_t>(quarantined_.size())};
}

}  // namespace stockroom
