#include "services/common/blobs/wire.h"

#include "services/common/base/status.h"

namespace stockroom {

internal::BlobInfo ToWire(const BlobInfo& info) {
  internal::BlobInfo wire;
  wire.set_sha256(std::string(info.sha256.bytes()));
  wire.set_md5(info.md5);
  wire.set_size(info.size);
  if (info.crc32c) wire.set_crc32c(*info.crc32c);
  return wire;
}

internal::RenditionInfo ToWire(const RenditionInfo& info) {
  internal::RenditionInfo wire;
  wire.set_sha256(std::string(info.sha256.bytes()));
  wire.set_size(info.size);
  return wire;
}

internal::RenditionAddress ToWire(const RenditionAddress& address) {
  internal::RenditionAddress wire;
  wire.set_original_sha256(std::string(address.original.bytes()));
  wire.set_key(address.key);
  return wire;
}

absl::StatusOr<BlobInfo> FromWire(const internal::BlobInfo& info) {
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(info.sha256()));
  BlobInfo result{.sha256 = digest, .md5 = info.md5(), .size = info.size()};
  if (info.has_crc32c()) result.crc32c = info.crc32c();
  return result;
}

absl::StatusOr<RenditionInfo> FromWire(const internal::RenditionInfo& info) {
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(info.sha256()));
  return RenditionInfo{.sha256 = digest, .size = info.size()};
}

absl::StatusOr<RenditionAddress> FromWire(const internal::RenditionAddress& address) {
  SR_ASSIGN_OR_RETURN(const Digest original, Digest::FromBytes(address.original_sha256()));
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key()));
  return RenditionAddress{.original = original, .key = address.key()};
}

internal::ListBlobsResponse ToWire(const BlobPage& page) {
  internal::ListBlobsResponse wire;
  for (const ListedBlob& blob : page.blobs) {
    internal::ListedBlob& listed = *wire.add_blobs();
    listed.set_sha256(std::string(blob.sha256.bytes()));
    listed.set_size(blob.size);
    listed.set_stamp(blob.stamp);
  }
  wire.set_next_cursor(page.next_cursor);
  // Rounded up: 0 means that there is nothing to wait for.
  wire.set_quiet_for_ms(
      absl::ToInt64Milliseconds(absl::Ceil(page.quiet_for, absl::Milliseconds(1))));
  return wire;
}

absl::StatusOr<BlobPage> FromWire(const internal::ListBlobsResponse& page) {
  BlobPage result{.blobs = {},
                  .next_cursor = page.next_cursor(),
                  .quiet_for = absl::Milliseconds(page.quiet_for_ms())};
  for (const internal::ListedBlob& blob : page.blobs()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(blob.sha256()));
    result.blobs.push_back({.sha256 = digest, .size = blob.size(), .stamp = blob.stamp()});
  }
  return result;
}

}  // namespace stockroom
