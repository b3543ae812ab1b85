// The part of MirrorBackend that makes both copies alike.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/copy_blob.h"
#include "services/fileserver/backends/mirror_backend.h"

namespace stockroom::fileserver {
namespace {

constexpr int kPage = 1000;
constexpr absl::Duration kRoomPause = absl::Seconds(1);

std::string FolderName(int folder) {
  char name[4];
  std::snprintf(name, sizeof(name), "%02x", static_cast<unsigned>(folder) & 0xffU);
  return name;
}

// What makes a list begin with this digest: all of its digits but the last.
std::string CursorBefore(const Digest& digest) {
  std::string hex = digest.hex();
  hex.pop_back();
  return hex;
}

}  // namespace

void MirrorBackend::RunWorker() {
  while (const std::optional<MirrorBacklog::Task> task = backlog_->Wait()) Deal(*task);
}

bool MirrorBackend::Work() {
  const std::optional<MirrorBacklog::Task> task = backlog_->Take();
  if (task) Deal(*task);
  return task.has_value();
}

void MirrorBackend::Deal(const MirrorBacklog::Task& task) {
  const absl::Status status = Reconcile(task);
  if (!status.ok() && !absl::IsCancelled(status)) {
    failures_.Add();
    LogWarning("both copies of an original are not alike yet",
               {{"digest", task.digest.hex()}, {"error", status}});
  }
  backlog_->Finish(task, status);
}

absl::Status MirrorBackend::Reconcile(const MirrorBacklog::Task& task) {
  const Digest& digest = task.digest;
  if (!task.look) {
    const absl::Status there = care_.StampBlob(digest).status();
    return absl::IsNotFound(there) ? RemoveRemote(digest) : there;
  }
  const absl::Status here = CheckLocal(digest, task.whole);
  const bool missing = absl::IsNotFound(here);
  if (missing || absl::IsDataLoss(here) || (task.whole && !here.ok())) {
    const absl::Status restored = Restore(digest);
    // Written by nobody after all, or collected.
    if (missing && absl::IsNotFound(restored)) return absl::OkStatus();
    return absl::IsNotFound(restored) ? here : restored;
  }
  SR_RETURN_IF_ERROR(here);
  return CopyToRemote(digest);
}

absl::Status MirrorBackend::CheckLocal(const Digest& digest, bool whole) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobSource> source, local_.OpenBlob(digest));
  if (!whole) return absl::OkStatus();
  care_.DropCached(digest);
  return VerifyBlob(*source, digest, [this] { return compare_loop_.stopping(); });
}

absl::Status MirrorBackend::Restore(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobSource> source, remote_.OpenBlob(digest));
  const BlobCopy copy =
      CopyBlob(*source, digest, local_, [this] { return compare_loop_.stopping(); });
  SR_RETURN_IF_ERROR(copy.status());
  copied_to_local_.Add();
  bytes_to_local_.Add(static_cast<uint64_t>(copy.bytes));
  return absl::OkStatus();
}

absl::Status MirrorBackend::CopyToRemote(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobSource> source, local_.OpenBlob(digest));
  const absl::StatusOr<std::unique_ptr<BlobSource>> there = remote_.OpenBlob(digest);
  absl::Status found = there.status();
  if (found.ok()) found = (*there)->Sums().status();
  if (found.ok() && (*there)->info().size == source->info().size) {
    found = remote_.TouchBlob(digest);
    if (!absl::IsNotFound(found)) return found;
  }
  if (!found.ok() && !absl::IsNotFound(found) && !absl::IsDataLoss(found)) return found;
  const BlobCopy copy =
      CopyBlob(*source, digest, remote_, [this] { return compare_loop_.stopping(); });
  if (!copy.read.ok()) {
    // Next time all of the local copy is looked at first, and S3 asked for a better one.
    SR_RETURN_IF_ERROR(backlog_->Look(digest, true).status());
    return copy.read;
  }
  SR_RETURN_IF_ERROR(copy.written);
  copied_to_s3_.Add();
  bytes_to_s3_.Add(static_cast<uint64_t>(copy.bytes));
  return absl::OkStatus();
}

absl::Status MirrorBackend::RemoveRemote(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(const BlobPage page, remote_.ListBlobs({.untouched_for = absl::ZeroDuration(),
                                                              .cursor = CursorBefore(digest),
                                                              .page_size = 1}));
  if (page.blobs.empty() || page.blobs[0].sha256 != digest) return absl::OkStatus();
  SR_ASSIGN_OR_RETURN(const bool removed,
                      remote_.DeleteBlobIfUntouched(digest, page.blobs[0].stamp));
  if (!removed) return absl::AbortedError("S3 has it still: it changed, or a deletion hangs");
  deleted_.Add();
  return absl::OkStatus();
}

absl::StatusOr<MirrorBackend::Sizes> MirrorBackend::ListLocal(const std::string& folder) {
  Sizes sizes;
  std::string cursor = folder;
  do {
    SR_ASSIGN_OR_RETURN(const StoredPage page, care_.ListStored(cursor, kPage));
    for (const StoredThing& thing : page.things) {
      if (thing.blob) sizes[thing.sha256] = thing.size;
    }
    cursor = page.next_cursor;
  } while (cursor.substr(0, 2) == folder);
  return sizes;
}

absl::StatusOr<MirrorBackend::Sizes> MirrorBackend::ListRemote(const std::string& folder) {
  Sizes sizes;
  ListBlobsOptions options{
      .untouched_for = absl::ZeroDuration(), .cursor = folder, .page_size = kPage};
  // S3Backend takes this as the occasion to look for uploads that were never completed.
  if (folder == "00") options.cursor.clear();
  do {
    SR_ASSIGN_OR_RETURN(const BlobPage page, remote_.ListBlobs(options));
    if (page.quiet_for > absl::ZeroDuration()) {
      return Unavailable("S3_CLOCK", "S3's clock has jumped");
    }
    for (const ListedBlob& blob : page.blobs) {
      // Without one only what belonged to a blob is left.
      if (blob.size > 0) sizes[blob.sha256] = blob.size;
    }
    options.cursor = page.next_cursor;
  } while (options.cursor.substr(0, 2) == folder);
  return sizes;
}

absl::Status MirrorBackend::LookAt(const Digest& digest, bool whole) {
  for (;;) {
    // Half of the room is for uploads.
    if (backlog_->depth() < (backlog_->max_entries() + 1) / 2) {
      SR_ASSIGN_OR_RETURN(const bool noted, backlog_->Look(digest, whole));
      if (noted) return absl::OkStatus();
    }
    if (options_.threads > 0) {
      if (!compare_loop_.Sleep(kRoomPause)) return absl::CancelledError("the file server stops");
    } else if (!Work()) {
      return Overloaded("nothing can be brought to S3 now", kRoomPause);
    }
  }
}

// S3 first: what is written meanwhile is here before it is there, so it is not taken for missing
// here. What is deleted meanwhile is known to be gone.
absl::Status MirrorBackend::Compare() {
  const uint64_t begin = backlog_->BeginCompare();
  int64_t only_here = 0;
  int64_t only_there = 0;
  for (int folder = 0; folder < 256; ++folder) {
    if (compare_loop_.stopping()) return absl::CancelledError("the file server stops");
    SR_ASSIGN_OR_RETURN(const Sizes there, ListRemote(FolderName(folder)));
    SR_ASSIGN_OR_RETURN(const Sizes here, ListLocal(FolderName(folder)));
    for (const auto& [digest, size] : here) {
      const auto other = there.find(digest);
      if (other != there.end() && other->second == size) continue;
      // Of two sizes one is wrong.
      SR_RETURN_IF_ERROR(LookAt(digest, other != there.end()));
      ++only_here;
    }
    for (const auto& [digest, size] : there) {
      if (here.contains(digest) || backlog_->IsGone(digest)) continue;
      SR_RETURN_IF_ERROR(LookAt(digest, false));
      ++only_there;
    }
  }
  SR_RETURN_IF_ERROR(backlog_->EndCompare(begin));
  LogInfo("the local disk was compared with S3", {{"to_s3", only_here}, {"from_s3", only_there}});
  return absl::OkStatus();
}

}  // namespace stockroom::fileserver
