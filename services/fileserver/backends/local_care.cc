// The part of LocalDisk that care uses.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/footer.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/backends/shards.h"

namespace stockroom::fileserver {
namespace {

// Far more than a place with its list of unreadable blobs.
constexpr int64_t kMaxStateBytes = int64_t{1} << 20;

std::string StampOf(const FileInfo& info) {
  return absl::StrCat(info.inode, ".", absl::ToUnixNanos(info.modified), ".", info.size);
}

// "<digest>.<microseconds>.<why>"; nothing for a file that is none of ours.
std::optional<QuarantinedBlob> FromName(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  int64_t micros = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &micros)) return std::nullopt;
  const absl::StatusOr<Digest> digest = Digest::FromHex(parts[0]);
  if (!digest.ok()) return std::nullopt;
  return QuarantinedBlob{
      .sha256 = *digest, .name = name, .time = absl::FromUnixMicros(micros), .why = parts[2]};
}

bool IsCursor(std::string_view cursor) {
  return cursor.size() != 1 && cursor.size() <= 2 * Digest::kSize &&
         cursor.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<StoredPage> LocalDisk::ListStored(const std::string& cursor, int limit) {
  if (!IsCursor(cursor)) return InvalidField("cursor", "must be one of the page before");
  const std::string shard = cursor.empty() ? "00" : cursor.substr(0, 2);
  std::map<std::string, bool> digests;
  SR_RETURN_IF_ERROR(AddDigests(env_, renditions_, shard, false, digests));
  SR_RETURN_IF_ERROR(AddDigests(env_, blobs_, shard, true, digests));
  StoredPage page;
  for (auto it = digests.upper_bound(cursor); it != digests.end(); ++it) {
    if (static_cast<int>(page.things.size()) == limit) {
      page.next_cursor = page.things.back().sha256.hex();
      return page;
    }
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(it->first));
    StoredThing thing{.sha256 = digest, .blob = it->second};
    if (thing.blob) {
      // What can not even be looked at is listed: whoever reads it says why.
      const absl::StatusOr<FileInfo> info = env_.Stat(BlobPath(digest));
      if (info.ok()) {
        thing.size = BlobPayloadBytes(info->size);
        thing.touched = info->modified;
      }
    }
    page.things.push_back(thing);
  }
  page.next_cursor = NextShard(shard);
  return page;
}

absl::StatusOr<std::vector<std::string>> LocalDisk::ListRenditions(const Digest& original) {
  absl::StatusOr<std::vector<std::string>> names = env_.List(RenditionDirectory(original));
  if (absl::IsNotFound(names.status())) return std::vector<std::string>();
  if (names.ok()) {
    std::erase_if(*names, [](const std::string& name) { return !CheckRenditionKey(name).ok(); });
  }
  return names;
}

absl::StatusOr<std::string> LocalDisk::StampBlob(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const FileInfo info, env_.Stat(BlobPath(digest)));
  return StampOf(info);
}

void LocalDisk::DropCached(const Digest& digest) { env_.DropCached(BlobPath(digest)); }

absl::StatusOr<bool> LocalDisk::QuarantineBlob(const Digest& digest, const std::string& stamp,
                                               const std::string& why) {
  {
    MutexLock lock(LockOf(digest));
    const absl::StatusOr<FileInfo> info = env_.Stat(BlobPath(digest));
    if (absl::IsNotFound(info.status())) return false;
    if (!info.ok()) return info.status();
    // Somebody has just put good bytes in its place, or deals with it.
    if (StampOf(*info) != stamp) return false;
    SR_ASSIGN_OR_RETURN(const std::string name, QuarantineName(digest, why));
    SR_RETURN_IF_ERROR(env_.Rename(BlobPath(digest), name));
  }
  // The new name first: a power cut between them must not take both.
  SR_RETURN_IF_ERROR(directory_syncs_.Sync(quarantine_));
  SR_RETURN_IF_ERROR(directory_syncs_.Sync(BlobShard(digest)));
  return true;
}

absl::StatusOr<std::string> LocalDisk::QuarantineName(const Digest& digest,
                                                      const std::string& why) {
  int64_t micros = absl::ToUnixMicros(clock_.Read().now);
  for (;; ++micros) {
    std::string name = absl::StrCat(quarantine_, "/", digest.hex(), ".", micros, ".", why);
    const absl::Status there = env_.Stat(name).status();
    if (absl::IsNotFound(there)) return name;
    if (!there.ok()) return there;
  }
}

absl::StatusOr<QuarantinedPage> LocalDisk::ListQuarantined(const std::string& cursor, int limit) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.List(quarantine_));
  QuarantinedPage page;
  for (auto it = std::upper_bound(names.begin(), names.end(), cursor); it != names.end(); ++it) {
    std::optional<QuarantinedBlob> blob = FromName(*it);
    if (!blob) continue;
    if (static_cast<int>(page.blobs.size()) == limit) {
      page.next_cursor = page.blobs.back().name;
      break;
    }
    const absl::StatusOr<FileInfo> info = env_.Stat(quarantine_ + "/" + *it);
    if (info.ok()) blob->size = BlobPayloadBytes(info->size);
    blob->healed = env_.Stat(BlobPath(blob->sha256)).ok();
    page.blobs.push_back(*std::move(blob));
  }
  return page;
}

absl::StatusOr<std::string> LocalDisk::LoadCareState() {
  return ReadSmallFile(env_, CareStatePath(), kMaxStateBytes);
}

absl::Status LocalDisk::SaveCareState(std::string_view state) {
  const std::string temporary = TemporaryPath();
  absl::Status saved = WriteSyncedFile(env_, temporary, state);
  if (saved.ok()) saved = env_.Rename(temporary, CareStatePath());
  if (!saved.ok()) {
    env_.Unlink(temporary).IgnoreError();
    return saved;
  }
  return directory_syncs_.Sync(options_.directory);
}

std::string LocalDisk::CareStatePath() const { return options_.directory + "/scrub"; }

}  // namespace stockroom::fileserver
