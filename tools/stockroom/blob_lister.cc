#include "tools/stockroom/blob_lister.h"

#include <utility>

#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::cli {
namespace {

constexpr int kPage = 5000;

}  // namespace

absl::StatusOr<std::optional<ListedOriginal>> BlobLister::Next(Patience patience) {
  while (page_.empty() && !over_) {
    SR_RETURN_IF_ERROR(patience([this] { return ReadPage(); }));
  }
  std::optional<ListedOriginal> next;
  if (page_.empty()) return next;
  next = page_.front();
  page_.pop_front();
  return next;
}

absl::Status BlobLister::ReadPage() {
  if (!has_care_) return ReadListing();
  const absl::StatusOr<StoredPage> page = care_.ListStored(context_(), cursor_, kPage);
  if (absl::IsUnimplemented(page.status())) {
    has_care_ = false;
    return ReadListing();
  }
  if (!page.ok()) return page.status();
  for (const StoredThing& thing : page->things) {
    if (!thing.blob) continue;
    ListedOriginal original{.sha256 = thing.sha256, .size = thing.size, .touched = {}};
    // One that could not be looked at.
    if (thing.touched > absl::UnixEpoch()) original.touched = thing.touched;
    page_.push_back(original);
  }
  cursor_ = page->next_cursor;
  over_ = cursor_.empty();
  return absl::OkStatus();
}

// On S3 nobody looks after the originals but S3, and the collector's listing is the only one.
absl::Status BlobLister::ReadListing() {
  const absl::StatusOr<BlobPage> page = ListBlobs(
      blobs_, context_(),
      {.untouched_for = absl::ZeroDuration(), .cursor = cursor_, .page_size = kMaxBlobPage});
  if (!page.ok()) return page.status();
  if (page->quiet_for > absl::ZeroDuration()) {
    return Unavailable("QUIET", "the file server lists nothing yet");
  }
  for (const ListedBlob& blob : page->blobs) {
    if (blob.size > 0) page_.push_back({.sha256 = blob.sha256, .size = blob.size, .touched = {}});
  }
  cursor_ = page->next_cursor;
  over_ = cursor_.empty();
  return absl::OkStatus();
}

}  // namespace stockroom::cli
