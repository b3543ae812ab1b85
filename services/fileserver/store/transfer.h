// Bytes on their way into and out of the stores.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/chunk.h"
#include "services/fileserver/store/chunk_sums.h"
#include "services/fileserver/store/slots.h"

namespace stockroom::fileserver {

// Size of the chunks in which things are read and sent.
inline constexpr int64_t kChunkBytes = 256 << 10;
static_assert(kChunkBytes % kSumBytes == 0, "a chunk is verified piece by piece");

// One thing being stored. Blocking; one thread at a time. Destroying it before Finish leaves
// nothing.
template <typename Result>
class Upload {
 public:
  virtual ~Upload() = default;
  // OUT_OF_RANGE once more than the limit came, or the backend's error. After an error every
  // further call returns that error.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // As Append, for callers that have no further use for the bytes.
  virtual absl::Status AppendOwned(std::string bytes) { return Append(bytes); }
  // `sent` is what the sender says it sent: INVALID_ARGUMENT if that is not what arrived. Call
  // once.
  virtual absl::StatusOr<Result> Finish(int64_t sent) = 0;
};

// One thing being read. Blocking; one thread at a time.
//
// Every piece is verified by its CRC-32C before it is given; a range is widened to whole pieces for
// that. Of things without such sums only a whole read is verified, by its SHA-256 and at its end.
template <typename Info>
class Download {
 public:
  // Called once, when the bytes turn out not to be those that were stored.
  using OnDamage = std::function<void(const absl::Status&)>;

  // Reads and verifies the first piece. The source's errors; DATA_LOSS (BLOB_DAMAGED), after
  // `on_damage`; OUT_OF_RANGE, INVALID_ARGUMENT (range).
  static absl::StatusOr<std::unique_ptr<Download>> Start(std::unique_ptr<ByteSource<Info>> source,
                                                         ByteRange range, OnDamage on_damage,
                                                         Slots::Slot slot) {
    SR_ASSIGN_OR_RETURN(range, ResolveRange(range, source->info().size));
    SR_ASSIGN_OR_RETURN(ChunkSums sums, source->Sums());
    std::unique_ptr<Download> download(new Download(std::move(source), range, std::move(sums),
                                                    std::move(on_damage), std::move(slot)));
    SR_ASSIGN_OR_RETURN(download->first_, download->Read());
    return download;
  }

  const Info& info() const { return source_->info(); }
  // Destroying it closes the file.
  bool holds_file() const { return source_->Descriptor() >= 0; }
  bool done() const { return position_ == end_ && !first_; }

  // The next piece, at most kChunkBytes; not empty. Not after done(), nor after an error. What
  // fails verification is withheld and DATA_LOSS returned instead.
  absl::StatusOr<Chunk> NextChunk() {
    if (first_) return *std::exchange(first_, std::nullopt);
    return Read();
  }
  // The same as a string.
  absl::StatusOr<std::string> Next() {
    SR_ASSIGN_OR_RETURN(const Chunk chunk, NextChunk());
    return std::string(chunk.view());
  }

 private:
  Download(std::unique_ptr<ByteSource<Info>> source, ByteRange range, ChunkSums sums,
           OnDamage on_damage, Slots::Slot slot)
      : source_(std::move(source)),
        sums_(std::move(sums)),
        by_digest_(sums_.empty() && range.length == source_->info().size),
        position_(range.offset),
        end_(range.offset + range.length),
        on_damage_(std::move(on_damage)),
        slot_(std::move(slot)) {}

  absl::StatusOr<Chunk> Read() {
    absl::StatusOr<Chunk> chunk = ReadVerified();
    if (absl::IsDataLoss(chunk.status())) on_damage_(chunk.status());
    return chunk;
  }

  absl::StatusOr<Chunk> ReadVerified() {
    int64_t begin = position_;
    int64_t until = std::min(end_, position_ + kChunkBytes);
    if (!sums_.empty()) {
      begin -= begin % kSumBytes;
      until = std::min(end_, begin + kChunkBytes);
    }
    const int64_t last = sums_.empty() ? until : EndOfPiece(until);
    Chunk chunk(static_cast<size_t>(last - begin));
    SR_RETURN_IF_ERROR(source_->ReadAt(begin, chunk.data(), chunk.view().size()));
    if (!sums_.empty()) SR_RETURN_IF_ERROR(sums_.Verify(begin, chunk.view()));
    chunk.Keep(static_cast<size_t>(position_ - begin), static_cast<size_t>(until - position_));
    position_ = until;
    if (by_digest_) SR_RETURN_IF_ERROR(HashOn(chunk.view()));
    return chunk;
  }

  int64_t EndOfPiece(int64_t position) const {
    const int64_t end = (position + kSumBytes - 1) / kSumBytes * kSumBytes;
    return std::min(end, source_->info().size);
  }

  absl::Status HashOn(std::string_view chunk) {
    hasher_.Update(chunk);
    if (position_ < end_ || hasher_.FinishSha256() == info().sha256) return absl::OkStatus();
    return MakeStatus(
        absl::StatusCode::kDataLoss,
        "the stored bytes of " + info().sha256.hex() + " are damaged: their SHA-256 is another one",
        {.reason = "BLOB_DAMAGED"});
  }

  const std::unique_ptr<ByteSource<Info>> source_;
  const ChunkSums sums_;
  const bool by_digest_;
  int64_t position_;
  const int64_t end_;
  std::optional<Chunk> first_;
  StreamHasher hasher_;
  const OnDamage on_damage_;
  const Slots::Slot slot_;
};

}  // namespace stockroom::fileserver
