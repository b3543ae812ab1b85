// The part of S3Backend that keeps uploads and deletions of one blob apart, without a lock: see
// docs/adr/025.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/random.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/s3_backend.h"
#include "services/fileserver/backends/s3_layout.h"
#include "services/fileserver/backends/s3_record.h"

namespace stockroom::fileserver {
namespace {

constexpr size_t kMaxStampBytes = 200;
constexpr absl::Duration kShortestLook = absl::Milliseconds(100);
constexpr absl::Duration kLongestLook = absl::Seconds(2);

std::string Nonce() { return ToHex(RandomBytes(16)); }

}  // namespace

// One attempt to delete a blob, which the server lets end before its fence.
struct S3Backend::Deletion {
  std::string claim;  // key of the object that announces it
  s3::Fence fence;
  bool with_blob = false;
};

absl::Status S3Backend::MarkTouched(const Digest& digest) {
  const std::string nonce = Nonce();
  return client_
      .Put(s3_layout::TouchedKey(digest), s3::TextBody(nonce), {.metadata = {}, .md5 = {}})
      .status();
}

absl::StatusOr<std::optional<absl::Duration>> S3Backend::FencedFor(const Digest& digest) {
  const std::optional<absl::Duration> not_at_all;
  const absl::StatusOr<s3::ObjectInfo> fence = client_.Head(s3_layout::FenceKey(digest));
  if (absl::IsNotFound(fence.status())) return not_at_all;
  if (!fence.ok()) return fence.status();
  // Both times are the server's, and from one answer.
  const absl::Duration left =
      fence->modified + options_.fence + options_.fence_margin - fence->server_now;
  return left > absl::ZeroDuration() ? left : not_at_all;
}

absl::StatusOr<bool> S3Backend::WaitForDeletion(const Digest& digest) {
  absl::Duration waited;
  absl::Duration pause = kShortestLook;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const std::optional<absl::Duration> left, FencedFor(digest));
    if (!left.has_value()) return waited > absl::ZeroDuration();
    if (waited >= options_.patience) {
      return MakeStatus(absl::StatusCode::kUnavailable,
                        "blob " + digest.hex() + " is being deleted just now; try again",
                        {.reason = "BLOB_BEING_COLLECTED",
                         .metadata = {},
                         .violations = {},
                         .retry_after = *left});
    }
    Sleep(pause);
    waited += pause;
    pause = std::min(2 * pause, kLongestLook);
  }
}

absl::Status S3Backend::TouchBlob(const Digest& digest) {
  // Else every touch of nothing would leave a mark.
  SR_RETURN_IF_ERROR(Inspect(digest));
  for (bool waited = true; waited;) {
    SR_RETURN_IF_ERROR(MarkTouched(digest));
    SR_ASSIGN_OR_RETURN(waited, WaitForDeletion(digest));
  }
  return Inspect(digest);
}

absl::StatusOr<std::string> S3Backend::StampOf(const Digest& digest) {
  const absl::StatusOr<s3::ObjectInfo> blob = client_.Head(s3_layout::BlobKey(digest));
  if (absl::IsNotFound(blob.status())) return kS3NoBlobStamp;
  if (!blob.ok()) return blob.status();
  const absl::StatusOr<s3::ObjectInfo> touched = client_.Head(s3_layout::TouchedKey(digest));
  if (!touched.ok() && !absl::IsNotFound(touched.status())) return touched.status();
  return S3Stamp(blob->modified, blob->etag, touched.ok() ? touched->etag : "");
}

absl::StatusOr<bool> S3Backend::DeleteBlobIfUntouched(const Digest& digest,
                                                      const std::string& stamp) {
  if (stamp.empty() || stamp.size() > kMaxStampBytes) {
    return InvalidField("stamp", "must be one that ListBlobs gave");
  }
  SR_ASSIGN_OR_RETURN(std::string now, StampOf(digest));
  if (now != stamp) return false;
  Deletion deletion{.claim = {}, .fence = {}, .with_blob = stamp != kS3NoBlobStamp};
  SR_ASSIGN_OR_RETURN(const bool alone, Claim(digest, deletion));
  if (!alone) return false;
  const std::string nonce = Nonce();
  SR_RETURN_IF_ERROR(
      client_.Put(s3_layout::FenceKey(digest), s3::TextBody(nonce), {.metadata = {}, .md5 = {}})
          .status());
  // Who touches from here on sees the fence; who has touched before is seen here.
  SR_ASSIGN_OR_RETURN(now, StampOf(digest));
  int removed = 0;
  if (now == stamp) {
    SR_ASSIGN_OR_RETURN(removed, Remove(digest, deletion));
  }
  // If one of these fails, the other ones wait until it has expired.
  const absl::Status opened = client_.Delete(s3_layout::FenceKey(digest), deletion.fence);
  const absl::Status left = opened.ok() ? client_.Delete(deletion.claim) : opened;
  if (!left.ok()) LogInfo("a deletion's fence stays until it expires", {{"error", left}});
  return removed > 0;
}

// Of two that want to delete the same blob at least one sees the other, and leaves: so only one at
// a time sets and takes away the fence. A claim that is left behind by a crash counts until all
// that was signed under it has expired.
absl::StatusOr<bool> S3Backend::Claim(const Digest& digest, Deletion& deletion) {
  const std::string nonce = Nonce();
  const std::string folder = s3_layout::AboutFolder(digest) + s3_layout::kClaims;
  deletion.claim = folder + nonce;
  SR_ASSIGN_OR_RETURN(const s3::PutResult claimed, client_.Put(deletion.claim, s3::TextBody(nonce),
                                                               {.metadata = {}, .md5 = {}}));
  deletion.fence = {.from = claimed.server_now, .lasts = options_.fence};
  SR_ASSIGN_OR_RETURN(const s3::ListPage claims,
                      client_.List({.prefix = folder, .start_after = {}}));
  for (const s3::ListedObject& claim : claims.objects) {
    if (claim.key == deletion.claim) continue;
    if (claims.server_now - claim.modified < options_.fence + options_.fence_margin) {
      SR_RETURN_IF_ERROR(client_.Delete(deletion.claim));
      return false;
    }
    SR_RETURN_IF_ERROR(client_.Delete(claim.key));
  }
  return claims.next_after.empty();
}

// Whatever fails on the way leaves fence and claim, which stand until the server refuses what may
// still be on its way. Nothing under the fence is sent twice: of two, one could happen after the
// fence was taken away because of the other.
absl::StatusOr<int> S3Backend::Remove(const Digest& digest, const Deletion& deletion) {
  SR_ASSIGN_OR_RETURN(int removed, RemoveRenditions(digest));
  if (deletion.with_blob) {
    SR_RETURN_IF_ERROR(client_.Delete(s3_layout::BlobKey(digest), deletion.fence));
    ++removed;
  }
  // Behind the blob: as long as it can be read, it can be verified.
  for (const std::string& key : {s3_layout::SumsKey(digest), s3_layout::TouchedKey(digest)}) {
    const absl::Status there = client_.Head(key).status();
    if (absl::IsNotFound(there)) continue;
    SR_RETURN_IF_ERROR(there);
    SR_RETURN_IF_ERROR(client_.Delete(key, deletion.fence));
    ++removed;
  }
  return removed;
}

}  // namespace stockroom::fileserver
