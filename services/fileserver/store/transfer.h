// Bytes on their way into and out of the stores.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/slots.h"

namespace stockroom::fileserver {

// Size of the pieces in which things are read and sent.
inline constexpr int64_t kChunkBytes = 256 << 10;

// One thing being stored. Blocking; one thread at a time. Destroying it before Finish leaves
// nothing.
template <typename Result>
class Upload {
 public:
  virtual ~Upload() = default;
  // OUT_OF_RANGE once more than the limit came, or the backend's error. After an error every
  // further call returns that error.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // `sent` is what the sender says it sent: INVALID_ARGUMENT if that is not what arrived. Call
  // once.
  virtual absl::StatusOr<Result> Finish(int64_t sent) = 0;
};

// One thing being read. Blocking; one thread at a time.
template <typename Info>
class Download {
 public:
  // `verify`: the bytes are hashed on their way and must have this digest; `corrupt` counts when
  // they do not. `range` is resolved.
  struct Verification {
    Digest expected;
    Counter* corrupt;
  };
  Download(std::unique_ptr<ByteSource<Info>> source, ByteRange range,
           std::optional<Verification> verify, Slots::Slot slot)
      : source_(std::move(source)),
        position_(range.offset),
        end_(range.offset + range.length),
        verify_(verify),
        slot_(std::move(slot)) {}

  const Info& info() const { return source_->info(); }
  bool done() const { return position_ == end_; }

  // The next piece, at most kChunkBytes; not empty. Not after done(). When verification fails, the
  // last piece is withheld and DATA_LOSS returned instead.
  absl::StatusOr<std::string> Next() {
    std::string chunk(static_cast<size_t>(std::min(kChunkBytes, end_ - position_)), '\0');
    SR_RETURN_IF_ERROR(source_->ReadAt(position_, chunk.data(), chunk.size()));
    position_ += static_cast<int64_t>(chunk.size());
    if (!verify_) return chunk;
    hasher_.Update(chunk);
    if (done() && hasher_.FinishSha256() != verify_->expected) {
      verify_->corrupt->Add();
      return MakeStatus(absl::StatusCode::kDataLoss,
                        "the stored bytes of " + verify_->expected.hex() +
                            " are damaged: their SHA-256 is another one",
                        {.reason = "BLOB_DAMAGED"});
    }
    return chunk;
  }

 private:
  const std::unique_ptr<ByteSource<Info>> source_;
  int64_t position_;
  const int64_t end_;
  const std::optional<Verification> verify_;
  StreamHasher hasher_;
  const Slots::Slot slot_;
};

}  // namespace stockroom::fileserver
