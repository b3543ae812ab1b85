// The part of LocalDisk that a collector uses.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/footer.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/backends/shards.h"

namespace stockroom::fileserver {
namespace {

// Files looked at in one call, so that no call takes long, however full a folder is.
constexpr int kMaxInspected = 10'000;
constexpr size_t kMaxStampBytes = 64;
// A touch further ahead than this was made by a clock that was wrong.
constexpr absl::Duration kFuture = absl::Hours(1);

std::string StampOf(const TouchClock::Reading& reading, absl::Time modified) {
  return absl::StrCat(reading.era, ".", absl::ToUnixNanos(modified));
}

std::string StampOfNoBlob(const TouchClock::Reading& reading) {
  return absl::StrCat(reading.era, ".none");
}

}  // namespace

Mutex& LocalDisk::LockOf(const Digest& digest) {
  return locks_[static_cast<unsigned char>(digest.bytes()[1]) % kLocks];
}

absl::Status LocalDisk::TouchLocked(const Digest& digest) {
  const std::string path = BlobPath(digest);
  SR_ASSIGN_OR_RETURN(const FileInfo info, env_.Stat(path));
  const absl::Time now = clock_.Read().now;
  // Never the same time twice, so that no stamp is valid again.
  const bool wrong = info.modified > now + kFuture;
  const absl::Time touch = wrong ? now : std::max(now, info.modified + absl::Nanoseconds(1));
  return env_.Touch(path, touch);
}

absl::Status LocalDisk::TouchBlob(const Digest& digest) {
  MutexLock lock(LockOf(digest));
  absl::Status touched = TouchLocked(digest);
  if (absl::IsNotFound(touched)) {
    return NotFound("BLOB_NOT_FOUND", "there is no blob " + digest.hex());
  }
  return touched;
}

absl::StatusOr<BlobPage> LocalDisk::ListBlobs(const ListBlobsOptions& options) {
  SR_RETURN_IF_ERROR(CheckListing(options));
  if (options.cursor.size() == 1) return InvalidField("cursor", "must be one of the page before");
  const TouchClock::Reading reading = clock_.Read();
  BlobPage page;
  if (reading.in_step < options.untouched_for) {
    page.quiet_for = options.untouched_for - reading.in_step;
    return page;
  }
  const std::string shard = options.cursor.empty() ? "00" : options.cursor.substr(0, 2);
  std::map<std::string, bool> digests;  // to: whether there is a blob
  SR_RETURN_IF_ERROR(AddDigests(env_, renditions_, shard, false, digests));
  SR_RETURN_IF_ERROR(AddDigests(env_, blobs_, shard, true, digests));
  int inspected = 0;
  std::string last;
  for (auto it = digests.upper_bound(options.cursor); it != digests.end(); ++it) {
    if (static_cast<int>(page.blobs.size()) == options.page_size || inspected == kMaxInspected) {
      page.next_cursor = last;
      return page;
    }
    ++inspected;
    last = it->first;
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(it->first));
    absl::StatusOr<std::optional<ListedBlob>> listed =
        Inspect(digest, it->second, reading.now - options.untouched_for, reading);
    if (!listed.ok()) {
      // One bad inode must not keep all that come after it from being collected.
      LogWarning("a blob can not be looked at",
                 {{"digest", it->first}, {"error", listed.status()}});
    } else if (*listed) {
      page.blobs.push_back(**std::move(listed));
    }
  }
  page.next_cursor = NextShard(shard);
  return page;
}

absl::StatusOr<std::optional<ListedBlob>> LocalDisk::Inspect(const Digest& digest, bool has_blob,
                                                             absl::Time touched_before,
                                                             const TouchClock::Reading& reading) {
  const std::optional<ListedBlob> nothing;
  if (!has_blob) {
    return ListedBlob{.sha256 = digest, .size = 0, .stamp = StampOfNoBlob(reading)};
  }
  const absl::StatusOr<FileInfo> info = env_.Stat(BlobPath(digest));
  if (absl::IsNotFound(info.status())) return nothing;
  if (!info.ok()) return info.status();
  if (!info->regular) return nothing;
  if (info->modified > reading.now + kFuture) {
    // Else it would stay uncollected until that time has come.
    const absl::Status touched = TouchBlob(digest);
    if (!touched.ok() && !absl::IsNotFound(touched)) return touched;
    return nothing;
  }
  if (info->modified > touched_before) return nothing;
  return ListedBlob{.sha256 = digest,
                    .size = BlobPayloadBytes(info->size),
                    .stamp = StampOf(reading, info->modified)};
}

absl::StatusOr<bool> LocalDisk::DeleteBlobIfUntouched(const Digest& digest,
                                                      const std::string& stamp) {
  if (stamp.empty() || stamp.size() > kMaxStampBytes) {
    return InvalidField("stamp", "must be one that ListBlobs gave");
  }
  bool deleted = false;
  {
    MutexLock lock(LockOf(digest));
    SR_ASSIGN_OR_RETURN(deleted, DeleteLocked(digest, stamp));
  }
  if (deleted) SR_RETURN_IF_ERROR(directory_syncs_.Sync(BlobShard(digest)));
  return deleted;
}

absl::StatusOr<bool> LocalDisk::DeleteLocked(const Digest& digest, const std::string& stamp) {
  const std::string path = BlobPath(digest);
  const TouchClock::Reading reading = clock_.Read();
  const absl::StatusOr<FileInfo> info = env_.Stat(path);
  if (absl::IsNotFound(info.status())) {
    if (stamp != StampOfNoBlob(reading)) return false;
    SR_ASSIGN_OR_RETURN(const int removed, RemoveRenditions(digest));
    return removed > 0;
  }
  if (!info.ok()) return info.status();
  if (!info->regular || stamp != StampOf(reading, info->modified)) return false;
  SR_RETURN_IF_ERROR(RemoveRenditions(digest).status());
  SR_RETURN_IF_ERROR(env_.Unlink(path));
  return true;
}

}  // namespace stockroom::fileserver
