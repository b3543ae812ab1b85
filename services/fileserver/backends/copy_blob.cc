#include "services/fileserver/backends/copy_blob.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "services/common/base/status.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {
namespace {

using Take = std::function<absl::Status(std::string_view)>;

absl::Status Damaged(const Digest& digest, const char* what) {
  return MakeStatus(absl::StatusCode::kDataLoss, "blob " + digest.hex() + " is damaged: " + what,
                    {.reason = "BLOB_DAMAGED"});
}

struct Sums {
  BlobInfo info;
  ChunkSums sums;
};

// Every byte through `take`, whose error is left in `taken`; then everything that is recorded about
// them against what they are.
absl::StatusOr<Sums> ReadAll(BlobSource& source, const Digest& digest,
                             const std::function<bool()>& stop, const Take& take,
                             absl::Status& taken) {
  SR_ASSIGN_OR_RETURN(const ChunkSums recorded, source.Sums());
  const BlobInfo& info = source.info();
  StreamHasher hasher(StreamHasher::Md5::kYes);
  ChunkSummer summer;
  std::string buffer;
  for (int64_t position = 0; position < info.size; position += kChunkBytes) {
    buffer.resize(static_cast<size_t>(std::min(kChunkBytes, info.size - position)));
    SR_RETURN_IF_ERROR(source.ReadAt(position, buffer.data(), buffer.size()));
    hasher.Update(buffer);
    summer.Update(buffer);
    taken = stop && stop() ? absl::CancelledError("the file server stops") : take(buffer);
    if (!taken.ok()) return taken;
  }
  Sums sums{.info = {.sha256 = hasher.FinishSha256(),
                     .md5 = hasher.FinishMd5(),
                     .size = info.size,
                     .crc32c = summer.whole()},
            .sums = {}};
  sums.sums = summer.Finish();
  if (sums.info.sha256 != digest) return Damaged(digest, "its bytes have another SHA-256");
  if (info.md5 != sums.info.md5 || info.crc32c.value_or(*sums.info.crc32c) != *sums.info.crc32c) {
    return Damaged(digest, "what is recorded about it is not true");
  }
  if (!recorded.empty() && recorded.sums() != sums.sums.sums()) {
    return Damaged(digest, "the sums of its pieces are not those that are recorded");
  }
  return sums;
}

}  // namespace

BlobCopy CopyBlob(BlobSource& from, const Digest& digest, BlobBackend& to,
                  const std::function<bool()>& stop) {
  BlobCopy copy;
  absl::StatusOr<std::unique_ptr<BlobSink>> sink = to.CreateBlob();
  if (!sink.ok()) {
    copy.written = sink.status();
    return copy;
  }
  const absl::StatusOr<Sums> sums = ReadAll(
      from, digest, stop, [&](std::string_view piece) { return (*sink)->Append(piece); },
      copy.written);
  if (!copy.written.ok()) return copy;
  if (!sums.ok()) {
    copy.read = sums.status();
    return copy;
  }
  copy.written = (*sink)->Commit(sums->info, sums->sums).status();
  if (copy.written.ok()) copy.bytes = sums->info.size;
  return copy;
}

absl::Status VerifyBlob(BlobSource& source, const Digest& digest,
                        const std::function<bool()>& stop) {
  absl::Status taken;
  return ReadAll(
             source, digest, stop, [](std::string_view) { return absl::OkStatus(); }, taken)
      .status();
}

}  // namespace stockroom::fileserver
