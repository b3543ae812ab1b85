// The part of S3Backend that looks for what nobody has touched.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/s3_backend.h"
#include "services/fileserver/backends/s3_layout.h"
#include "services/fileserver/backends/shards.h"

namespace stockroom::fileserver {
namespace {

// Pages of S3 (1,000 keys each) that one call reads of what belongs to the blobs of one.
constexpr int kMostPages = 20;

// The digest's digits in "<folder><aa>/<digest>..."; empty if it is none.
std::string DigestIn(std::string_view key, std::string_view folder) {
  if (!key.starts_with(folder) || key.size() < folder.size() + 3 + 64) return "";
  const std::string_view shard = key.substr(folder.size(), 2);
  const std::string_view hex = key.substr(folder.size() + 3, 64);
  if (key[folder.size() + 2] != '/' || !hex.starts_with(shard)) return "";
  return Digest::FromHex(hex).ok() ? std::string(hex) : "";
}

}  // namespace

std::string S3Stamp(absl::Time modified, const std::string& etag, const std::string& touched) {
  return absl::StrCat(absl::ToUnixSeconds(modified), ".", etag, ".", touched);
}

// What lies in a shard, by digest.
struct S3Backend::Shard {
  struct Entry {
    std::optional<s3::ListedObject> blob;
    std::optional<s3::ListedObject> touched;
    bool renditions = false;
    // The youngest of what is kept about it.
    absl::Time about = absl::InfinitePast();
    absl::Time touch() const {
      absl::Time last = blob->modified;
      if (touched.has_value()) last = std::max(last, touched->modified);
      return last;
    }
  };
  std::map<std::string, Entry> entries;
  // Nothing behind this digest is known; empty: everything is.
  std::string known_to;
  absl::Time server_now;

  void KnownTo(const std::string& digest) {
    if (known_to.empty() || digest < known_to) known_to = digest;
  }
};

absl::Status S3Backend::ReadShard(const std::string& shard, const std::string& after, Shard& to) {
  const std::string blobs = s3_layout::kBlobs + shard + "/";
  SR_ASSIGN_OR_RETURN(
      const s3::ListPage page,
      client_.List({.prefix = blobs, .start_after = after.empty() ? "" : blobs + after}));
  to.server_now = page.server_now;
  for (const s3::ListedObject& object : page.objects) {
    const std::string digest = DigestIn(object.key, s3_layout::kBlobs);
    if (!digest.empty() && object.key.size() == blobs.size() + 64) to.entries[digest].blob = object;
  }
  if (!page.next_after.empty()) {
    if (to.entries.empty()) return Unavailable("S3_CROWDED", "no blob's name lies in " + blobs);
    to.KnownTo(std::prev(to.entries.end())->first);
  }

  // What belongs to these, and to those between them that have no blob.
  for (const bool renditions : {false, true}) {
    const std::string kind = renditions ? s3_layout::kRenditions : s3_layout::kAbout;
    const std::string folder = kind + shard + "/";
    // '0' comes behind '/': behind all of the last one's.
    s3::ListOptions options{.prefix = folder,
                            .start_after = after.empty() ? "" : folder + after + "0",
                            .folders = renditions};
    for (int pages = 0;; ++pages) {
      SR_ASSIGN_OR_RETURN(const s3::ListPage more, client_.List(options));
      for (const s3::ListedObject& object : more.objects) {
        const std::string digest = DigestIn(object.key, kind);
        if (digest.empty()) continue;
        Shard::Entry& entry = to.entries[digest];
        entry.about = std::max(entry.about, object.modified);
        if (absl::EndsWith(object.key, absl::StrCat("/", s3_layout::kTouched))) {
          entry.touched = object;
        }
      }
      for (const std::string& name : more.folders) {
        const std::string digest = DigestIn(name, kind);
        if (!digest.empty()) to.entries[digest].renditions = true;
      }
      options.start_after = more.next_after;
      if (more.next_after.empty()) break;
      const std::string reached = DigestIn(more.next_after, kind);
      if (!to.known_to.empty() && reached > to.known_to) break;
      if (pages + 1 < kMostPages) continue;
      // The last one may go on on the next page.
      const auto last = to.entries.lower_bound(reached);
      if (last == to.entries.begin()) {
        return Unavailable("S3_CROWDED", "too much lies in " + more.next_after);
      }
      to.KnownTo(std::prev(last)->first);
      break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BlobPage> S3Backend::ListBlobs(const ListBlobsOptions& options) {
  SR_RETURN_IF_ERROR(CheckListing(options));
  if (options.cursor.size() == 1) return InvalidField("cursor", "must be one of the page before");
  if (options.cursor.empty()) AbortForgottenUploads();
  const std::string shard = options.cursor.empty() ? "00" : options.cursor.substr(0, 2);
  const std::string after = options.cursor.size() > 2 ? options.cursor : "";
  Shard found;
  SR_RETURN_IF_ERROR(ReadShard(shard, after, found));
  BlobPage page;
  // Ages mean nothing for a while once the clock that they are from has jumped.
  if (client_.clock().InStep() < options.untouched_for) {
    page.quiet_for = options.untouched_for - client_.clock().InStep();
    return page;
  }
  const absl::Time before = found.server_now - options.untouched_for;
  for (const auto& [hex, entry] : found.entries) {
    if (!found.known_to.empty() && hex > found.known_to) break;
    if (static_cast<int>(page.blobs.size()) == options.page_size) return page;
    page.next_cursor = hex;
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(hex));
    if (entry.blob.has_value()) {
      if (entry.touch() > before) continue;
      page.blobs.push_back({.sha256 = digest,
                            .size = entry.blob->size,
                            .stamp = S3Stamp(entry.blob->modified, entry.blob->etag,
                                             entry.touched ? entry.touched->etag : "")});
    } else if (entry.about <= before) {
      // Else it may be an upload that has not got to its blob yet.
      page.blobs.push_back({.sha256 = digest, .size = 0, .stamp = kS3NoBlobStamp});
    }
  }
  page.next_cursor = found.known_to.empty() ? NextShard(shard) : found.known_to;
  return page;
}

}  // namespace stockroom::fileserver
