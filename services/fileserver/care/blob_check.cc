#include "services/fileserver/care/blob_check.h"

#include <algorithm>
#include <utility>

#include "services/common/base/strings.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {
namespace {

Checked Wrong(const Digest& digest, BlobVerdict::State state, const char* why,
              std::string_view message) {
  return {.verdict = {.sha256 = digest, .state = state, .message = std::string(message)},
          .why = why};
}

// What an error of opening or reading means.
Checked FromError(const Digest& digest, const absl::Status& status, const char* where) {
  using State = BlobVerdict::State;
  if (absl::IsNotFound(status)) {
    return Wrong(digest, State::kMissing, "", Sv(status.message()));
  }
  if (absl::IsDataLoss(status)) return Wrong(digest, State::kDamaged, where, Sv(status.message()));
  return Wrong(digest, State::kUnreadable, kUnreadable, Sv(status.message()));
}

struct Sums {
  Digest sha256;
  std::string md5;
  uint32_t crc32c = 0;
  ChunkSums pieces;
};

// Reads all of it in pieces. `stopped` is the error of `before_read`.
template <typename Source>
absl::StatusOr<Sums> SumUp(Source& source, StreamHasher::Md5 md5, const BeforeRead& before_read,
                           absl::Status& stopped) {
  StreamHasher hasher(md5);
  ChunkSummer summer;
  std::string buffer;
  const int64_t size = source.info().size;
  for (int64_t position = 0; position < size; position += kChunkBytes) {
    buffer.resize(static_cast<size_t>(std::min(kChunkBytes, size - position)));
    stopped = before_read(static_cast<int64_t>(buffer.size()));
    if (!stopped.ok()) return stopped;
    SR_RETURN_IF_ERROR(source.ReadAt(position, buffer.data(), buffer.size()));
    hasher.Update(buffer);
    summer.Update(buffer);
  }
  Sums sums{.sha256 = hasher.FinishSha256(), .crc32c = summer.whole(), .pieces = summer.Finish()};
  if (md5 == StreamHasher::Md5::kYes) sums.md5 = hasher.FinishMd5();
  return sums;
}

// Of a file of an older version none are recorded.
template <typename Source>
absl::StatusOr<bool> PiecesFit(Source& source, const Sums& sums) {
  SR_ASSIGN_OR_RETURN(const ChunkSums recorded, source.Sums());
  return recorded.empty() || recorded.sums() == sums.pieces.sums();
}

}  // namespace

absl::StatusOr<Checked> CheckBlob(BlobBackend& backend, const Digest& digest, Depth depth,
                                  const BeforeRead& before_read) {
  const absl::StatusOr<std::unique_ptr<BlobSource>> source = backend.OpenBlob(digest);
  if (!source.ok()) return FromError(digest, source.status(), kDamagedFooter);
  const BlobInfo& info = (*source)->info();
  Checked good{.verdict = {.sha256 = digest, .size = info.size, .md5 = info.md5}};
  if (depth == Depth::kRecord) return good;
  absl::Status stopped;
  const absl::StatusOr<Sums> sums = SumUp(**source, StreamHasher::Md5::kYes, before_read, stopped);
  SR_RETURN_IF_ERROR(stopped);
  if (!sums.ok()) return FromError(digest, sums.status(), kDamagedPayload);
  if (sums->sha256 != digest) {
    return Wrong(digest, BlobVerdict::State::kDamaged, kDamagedPayload,
                 "its bytes have another SHA-256");
  }
  if (sums->md5 != info.md5) {
    return Wrong(digest, BlobVerdict::State::kDamaged, kDamagedFooter,
                 "the MD5 that is recorded is not that of its bytes");
  }
  if (info.crc32c.value_or(sums->crc32c) != sums->crc32c) {
    return Wrong(digest, BlobVerdict::State::kDamaged, kDamagedFooter,
                 "the CRC-32C that is recorded is not that of its bytes");
  }
  const absl::StatusOr<bool> fit = PiecesFit(**source, *sums);
  if (!fit.ok()) return FromError(digest, fit.status(), kDamagedSums);
  if (!*fit) {
    return Wrong(digest, BlobVerdict::State::kDamaged, kDamagedSums,
                 "the sums of its pieces are not those that are recorded");
  }
  return good;
}

absl::StatusOr<Checked> CheckRendition(BlobBackend& backend, const RenditionAddress& address,
                                       const BeforeRead& before_read) {
  const absl::StatusOr<std::unique_ptr<RenditionSource>> source = backend.OpenRendition(address);
  if (!source.ok()) return FromError(address.original, source.status(), kDamagedFooter);
  absl::Status stopped;
  const absl::StatusOr<Sums> sums = SumUp(**source, StreamHasher::Md5::kNo, before_read, stopped);
  SR_RETURN_IF_ERROR(stopped);
  if (!sums.ok()) return FromError(address.original, sums.status(), kDamagedPayload);
  if (sums->sha256 != (*source)->info().sha256) {
    return Wrong(address.original, BlobVerdict::State::kDamaged, kDamagedPayload,
                 "its SHA-256 is not the recorded one");
  }
  const absl::StatusOr<bool> fit = PiecesFit(**source, *sums);
  if (!fit.ok() || !*fit) {
    return fit.ok() ? Wrong(address.original, BlobVerdict::State::kDamaged, kDamagedSums,
                            "the sums of its pieces are not those that are recorded")
                    : FromError(address.original, fit.status(), kDamagedSums);
  }
  return Checked{.verdict = {.sha256 = address.original, .size = (*source)->info().size}};
}

}  // namespace stockroom::fileserver
