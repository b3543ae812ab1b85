// The part of MemoryBlobClient that a collector uses.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/blobs/memory_blob_client.h"

namespace stockroom {
namespace {

constexpr char kOnlyRenditions[] = "none";

}  // namespace

void MemoryBlobClient::Touch(StoredBytes& stored) {
  stored.touched = options_.clock->Now();
  stored.stamp = next_stamp_++;
}

void MemoryBlobClient::CutPower() {
  MutexLock lock(mu_);
  started_ = options_.clock->Now();
  for (auto& [digest, stored] : blobs_) {
    stored.touched = stored.put;
    stored.stamp = next_stamp_++;
  }
}

absl::StatusOr<BlobPage> MemoryBlobClient::DoList(const CallContext& context,
                                                  const ListBlobsOptions& options) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(CheckListing(options));
  if (options.untouched_for < absl::Hours(1)) {
    return InvalidField("untouched_for_ms", "must be at least 1h");
  }
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(Call::kListBlobs));
  const absl::Time before = options_.clock->Now() - options.untouched_for;
  BlobPage page;
  if (started_ > before) {
    page.quiet_for = started_ - before;
    return page;
  }
  std::map<Digest, ListedBlob> found;
  for (const auto& [address, bytes] : renditions_) {
    found[address.first] = {.sha256 = address.first, .size = 0, .stamp = kOnlyRenditions};
  }
  for (const auto& [digest, stored] : blobs_) {
    found.erase(digest);
    if (stored.touched > before) continue;
    found[digest] = {.sha256 = digest,
                     .size = static_cast<int64_t>(stored.bytes->size()),
                     .stamp = absl::StrCat(stored.stamp)};
  }
  for (const auto& [digest, listed] : found) {
    if (digest.hex() <= options.cursor) continue;
    if (static_cast<int>(page.blobs.size()) == options.page_size) {
      page.next_cursor = page.blobs.back().sha256.hex();
      break;
    }
    page.blobs.push_back(listed);
  }
  return page;
}

absl::StatusOr<bool> MemoryBlobClient::DoDelete(const CallContext& context, const Digest& digest,
                                                const std::string& stamp) {
  SR_RETURN_IF_ERROR(context.Check());
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(Call::kDeleteBlob));
  const auto blob = blobs_.find(digest);
  const std::string current =
      blob == blobs_.end() ? kOnlyRenditions : absl::StrCat(blob->second.stamp);
  if (stamp != current) return false;
  const auto removed =
      std::erase_if(renditions_, [&](const auto& r) { return r.first.first == digest; });
  if (blob == blobs_.end()) return removed > 0;
  blobs_.erase(blob);
  return true;
}

void MemoryBlobClient::ListBlobs(const CallContext& context, ListBlobsOptions options,
                                 absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) {
  done(DoList(context, options));
}

void MemoryBlobClient::TouchBlob(const CallContext& context, const Digest& digest,
                                 absl::AnyInvocable<void(absl::Status)> done) {
  absl::Status status = context.Check();
  if (status.ok()) {
    MutexLock lock(mu_);
    status = TakeFault(Call::kTouchBlob);
    const auto blob = blobs_.find(digest);
    if (status.ok() && blob == blobs_.end()) {
      status = NotFound("BLOB_NOT_FOUND", "there is no blob " + digest.hex());
    }
    if (status.ok()) Touch(blob->second);
  }
  done(std::move(status));
}

void MemoryBlobClient::DeleteBlobIfUntouched(const CallContext& context, const Digest& digest,
                                             std::string stamp,
                                             absl::AnyInvocable<void(absl::StatusOr<bool>)> done) {
  done(DoDelete(context, digest, stamp));
}

}  // namespace stockroom
