#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/s3_incoming.h"
#include "services/fileserver/backends/s3_incoming_parts.h"

namespace stockroom::fileserver {
namespace {

using s3_incoming::Folder;
using s3_incoming::Random;

constexpr int64_t kHashedAtOnce = 256 << 10;
constexpr size_t kMostAtOnce = 1000;  // keys that S3 deletes in one request

// CRC-32C of each `size` bytes of what was spooled, if all of it is what had come: of what is sent
// in several pieces the first must not be there before the last is known to be right.
absl::StatusOr<std::vector<uint32_t>> SumsOf(const S3Spool& spool, int64_t size) {
  std::vector<uint32_t> sums;
  uint32_t all = 0;
  std::string buffer;
  for (int64_t at = 0; at < spool.size(); at += static_cast<int64_t>(buffer.size())) {
    const int64_t done = at % size;
    if (done == 0) sums.push_back(0);
    buffer.resize(static_cast<size_t>(std::min({kHashedAtOnce, size - done, spool.size() - at})));
    SR_RETURN_IF_ERROR(spool.ReadAt(at, buffer.data(), buffer.size()));
    sums.back() = Crc32c(buffer, sums.back());
    all = Crc32c(buffer, all);
  }
  if (all != spool.crc32c()) return s3_incoming::SpoolDamaged();
  return sums;
}

}  // namespace

absl::Status S3Incoming::PutPiece(const std::string& id, int64_t generation, int64_t offset,
                                  const s3::RequestBody& bytes, uint32_t came) {
  // What the server stores must be what was spooled, and what was spooled what had come.
  StreamHasher hasher(StreamHasher::Md5::kYes);
  uint32_t crc32c = 0;
  std::string buffer;
  for (int64_t at = 0; at < bytes.size(); at += static_cast<int64_t>(buffer.size())) {
    buffer.resize(static_cast<size_t>(std::min(kHashedAtOnce, bytes.size() - at)));
    SR_RETURN_IF_ERROR(bytes.ReadAt(at, buffer.data(), buffer.size()));
    hasher.Update(buffer);
    crc32c = Crc32c(buffer, crc32c);
  }
  if (crc32c != came) return s3_incoming::SpoolDamaged();
  const std::string key = absl::StrCat(
      Folder(id), Av(s3_incoming::kPiece), absl::StrFormat("%020d", offset), "-", bytes.size(), "-",
      absl::StrFormat("%08x", crc32c), "-", generation, "-", Random());
  return client_
      .Put(key, bytes, {.metadata = {}, .sha256 = hasher.FinishSha256(), .md5 = hasher.FinishMd5()})
      .status();
}

class S3Incoming::Sink final : public IncomingSink {
 public:
  Sink(S3Incoming& owner, std::string id) : owner_(owner), id_(std::move(id)) {
    writer_ = Folder(id_) + std::string(s3_incoming::kWriter) + Random();
  }
  ~Sink() override {
    if (announced_) owner_.client_.Delete(writer_).IgnoreError();
    MutexLock lock(owner_.mu_);
    owner_.writing_.erase(id_);
  }

  // Of two that announce themselves at least one sees the other, and leaves.
  absl::Status Begin(int64_t offset) {
    SR_RETURN_IF_ERROR(Announce());
    SR_ASSIGN_OR_RETURN(const Found found, owner_.Look(id_));
    if (found.writers.size() > found.writers.count(writer_)) return s3_incoming::Busy();
    if (found.size() != offset) {
      return MakeStatus(
          absl::StatusCode::kFailedPrecondition,
          absl::StrCat(found.size(), " bytes have arrived, not ", offset),
          {.reason = "OFFSET_MISMATCH", .metadata = {{"offset", absl::StrCat(found.size())}}});
    }
    synced_ = offset;
    generation_ = found.generation;
    pieces_ = found.pieces.size();
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view bytes) override {
    SR_RETURN_IF_ERROR(StayAlive());
    fresh_ = false;
    if (pieces_ >= owner_.options_.max_pieces) return s3_incoming::TooManyPieces();
    if (spool_ == nullptr) {
      spool_ = std::make_unique<S3Spool>(owner_.env_, owner_.options_.spool_dir,
                                         owner_.options_.spool_memory_bytes,
                                         owner_.options_.spool_reserve_bytes);
    }
    return spool_->Append(bytes);
  }

  absl::Status Sync() override {
    if (spool_ == nullptr || spool_->size() == 0) return absl::OkStatus();
    SR_RETURN_IF_ERROR(StayAlive());
    const std::unique_ptr<S3Spool> spool = std::move(spool_);
    const int64_t most = owner_.options_.max_piece_bytes;
    SR_ASSIGN_OR_RETURN(const std::vector<uint32_t> sums, SumsOf(*spool, most));
    for (size_t i = 0; i < sums.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) * most;
      const S3SpoolPart piece(*spool, at, std::min(most, spool->size() - at));
      SR_RETURN_IF_ERROR(owner_.PutPiece(id_, generation_, synced_, piece, sums[i]));
      synced_ += piece.size();
      ++pieces_;
      // Sending it may have taken so long that somebody else has begun anew.
      SR_RETURN_IF_ERROR(StayAlive());
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(int64_t size) override {
    spool_.reset();
    const bool fresh = std::exchange(fresh_, false);
    // Nothing behind it is this writer's: what is there by now has been acknowledged by another.
    if (size == synced_ && (size > 0 || !fresh)) return absl::OkStatus();
    if (size == 0) return BeginAnew();
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    for (const Piece& piece : found.chain) {
      if (piece.at < size && piece.end() > size) {
        SR_RETURN_IF_ERROR(Shorten(piece, size - piece.offset));
      }
    }
    // The last first: whatever is left when this ends early, the chain has no hole that a late
    // piece could fill.
    std::vector<Piece> pieces = found.pieces;
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.offset > b.offset; });
    for (const Piece& piece : pieces) {
      if (piece.end() <= size) continue;
      SR_RETURN_IF_ERROR(owner_.client_.Delete(piece.key));
    }
    synced_ = size;
    return absl::OkStatus();
  }

 private:
  absl::Duration Steady() const { return owner_.client_.clock().steady(); }
  absl::Status Announce() {
    announced_ = true;
    tried_ = Steady();
    SR_RETURN_IF_ERROR(owner_.PutText(writer_, Random(), false));
    said_ = tried_;
    return absl::OkStatus();
  }
  // ABORTED once somebody else may have gone on instead.
  absl::Status StayAlive() {
    const S3Incoming::Options& options = owner_.options_;
    const absl::Duration now = Steady();
    if (now - tried_ < options.announce_every && now - said_ < options.writer_silence) {
      return absl::OkStatus();
    }
    const absl::Duration before = said_;
    const absl::Status announced = Announce();
    if (Steady() - before < options.writer_silence) return absl::OkStatus();
    SR_RETURN_IF_ERROR(announced);
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    return found.size() >= synced_ ? absl::OkStatus() : s3_incoming::TakenOver();
  }
  // Also where nothing has arrived: something may be on its way.
  absl::Status BeginAnew() {
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    // By the server's clock: of two who begin anew the later one's counts, whoever arrives first.
    const int64_t next =
        std::max(generation_ + 1, absl::ToUnixMillis(owner_.client_.clock().Now()));
    SR_RETURN_IF_ERROR(owner_.PutText(absl::StrCat(Folder(id_), Av(s3_incoming::kGeneration), next),
                                      Random(), false));
    generation_ = next;
    synced_ = 0;
    pieces_ = 0;
    std::vector<std::string> old;
    for (const Piece& piece : found.pieces) {
      if (piece.generation < next) old.push_back(piece.key);
      if (old.size() < kMostAtOnce) continue;
      SR_RETURN_IF_ERROR(owner_.client_.DeleteMany(std::exchange(old, {})));
    }
    return owner_.client_.DeleteMany(old);
  }
  // ABORTED unless this is the one writer who lives.
  absl::StatusOr<Found> LookAlone() {
    SR_ASSIGN_OR_RETURN(Found found, owner_.Look(id_));
    if (found.writers.size() != 1 || !found.writers.contains(writer_) ||
        found.generation > generation_) {
      return s3_incoming::TakenOver();
    }
    return found;
  }
  absl::Status Shorten(const Piece& piece, int64_t size) {
    S3Spool kept(owner_.env_, owner_.options_.spool_dir, owner_.options_.spool_memory_bytes,
                 owner_.options_.spool_reserve_bytes);
    while (kept.size() < size) {
      SR_ASSIGN_OR_RETURN(
          const s3::ObjectBytes bytes,
          owner_.client_.Get(piece.key, kept.size(),
                             std::min(owner_.options_.read_ahead, size - kept.size()), piece.etag));
      if (bytes.bytes.empty()) {
        return absl::DataLossError("a piece of the upload is shorter than it was");
      }
      SR_RETURN_IF_ERROR(kept.Append(bytes.bytes));
    }
    return owner_.PutPiece(id_, generation_, piece.offset, kept, kept.crc32c());
  }

  S3Incoming& owner_;
  const std::string id_;
  std::string writer_;
  bool announced_ = false;
  bool fresh_ = true;     // nothing was appended or cut yet
  absl::Duration tried_;  // the last announcement, and the last that went well; in Steady
  absl::Duration said_;
  int64_t synced_ = 0;
  int64_t generation_ = 0;
  size_t pieces_ = 0;  // in the bucket, of older generations too
  std::unique_ptr<S3Spool> spool_;
};

absl::StatusOr<std::unique_ptr<IncomingSink>> S3Incoming::AppendIncoming(const std::string& id,
                                                                         int64_t offset) {
  {
    MutexLock lock(mu_);
    if (!writing_.insert(id).second) return s3_incoming::Busy();
  }
  auto sink = std::make_unique<Sink>(*this, id);
  SR_RETURN_IF_ERROR(sink->Begin(offset));
  return sink;
}

}  // namespace stockroom::fileserver
