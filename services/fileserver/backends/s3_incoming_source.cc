#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_incoming.h"
#include "services/fileserver/backends/s3_incoming_parts.h"

namespace stockroom::fileserver {

class S3Incoming::Source final : public IncomingSource {
 public:
  Source(S3Incoming& owner, Found found, std::string record, std::string note)
      : owner_(owner),
        found_(std::move(found)),
        record_(std::move(record)),
        note_(std::move(note)) {}

  const std::string& record() const override { return record_; }
  std::string note() const override { return note_; }
  int64_t size() const override { return found_.size(); }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    MutexLock lock(mu_);
    while (size > 0) {
      if (offset < window_at_ || offset >= window_at_ + static_cast<int64_t>(window_.size())) {
        SR_RETURN_IF_ERROR(Fetch(offset, static_cast<int64_t>(size)));
      }
      const auto skip = static_cast<size_t>(offset - window_at_);
      const size_t n = std::min(size, window_.size() - skip);
      std::memcpy(to, window_.data() + skip, n);
      to += n;
      size -= n;
      offset += static_cast<int64_t>(n);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Fetch(int64_t offset, int64_t wanted) SR_REQUIRES(mu_) {
    const auto behind =
        std::upper_bound(found_.chain.begin(), found_.chain.end(), offset,
                         [](int64_t at, const Piece& piece) { return at < piece.at; });
    if (behind == found_.chain.begin() || offset >= found_.size()) {
      return absl::DataLossError("the upload is shorter");
    }
    const Piece& piece = *std::prev(behind);
    // Twice as much as before while somebody reads on.
    ahead_ = offset == window_at_ + static_cast<int64_t>(window_.size())
                 ? std::min(std::max<int64_t>(2 * ahead_, wanted), owner_.options_.read_ahead)
                 : wanted;
    const int64_t length = std::min(std::max(ahead_, wanted), piece.end() - offset);
    absl::StatusOr<s3::ObjectBytes> bytes =
        owner_.client_.Get(piece.key, offset - piece.offset, length, piece.etag);
    if (absl::IsNotFound(bytes.status()) || absl::IsAborted(bytes.status())) {
      return Unavailable("INCOMING_CHANGED", "the upload was changed while it was read");
    }
    if (!bytes.ok()) return bytes.status();
    if (static_cast<int64_t>(bytes->bytes.size()) != length) {
      return absl::DataLossError("a piece of the upload is shorter than it was");
    }
    SR_RETURN_IF_ERROR(Check(piece, offset, bytes->bytes));
    window_at_ = offset;
    window_ = std::move(bytes->bytes);
    return absl::OkStatus();
  }

  // Pieces that are read from one end to the other have the checksum they arrived with.
  absl::Status Check(const Piece& piece, int64_t offset, std::string_view bytes) SR_REQUIRES(mu_) {
    if (offset == piece.offset) {
      summed_ = 0;
    } else if (offset != summed_to_ || offset == piece.at) {
      summed_to_ = -1;  // not from its beginning
      return absl::OkStatus();
    }
    summed_ = Crc32c(bytes, summed_);
    summed_to_ = offset + static_cast<int64_t>(bytes.size());
    if (summed_to_ != piece.end() || summed_ == piece.crc32c.value_or(summed_)) {
      return absl::OkStatus();
    }
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "the bytes of the upload were damaged after they had arrived",
                      {.reason = "INCOMING_DAMAGED"});
  }

  S3Incoming& owner_;
  const Found found_;
  const std::string record_;
  const std::string note_;
  Mutex mu_;
  int64_t window_at_ SR_GUARDED_BY(mu_) = 0;
  std::string window_ SR_GUARDED_BY(mu_);
  int64_t ahead_ SR_GUARDED_BY(mu_) = 0;
  // Of the piece that is being read, up to there.
  uint32_t summed_ SR_GUARDED_BY(mu_) = 0;
  int64_t summed_to_ SR_GUARDED_BY(mu_) = -1;
};

absl::StatusOr<std::unique_ptr<IncomingSource>> S3Incoming::OpenIncoming(const std::string& id) {
  SR_ASSIGN_OR_RETURN(Found found, Look(id));
  absl::StatusOr<std::string> record = ReadText(s3_incoming::RecordKey(id));
  if (absl::IsNotFound(record.status())) return s3_incoming::Missing();
  if (!record.ok()) return record.status();
  std::string note;
  if (found.note) {
    SR_ASSIGN_OR_RETURN(note, ReadText(s3_incoming::NoteKey(id)));
  }
  return std::make_unique<Source>(*this, std::move(found), *std::move(record), std::move(note));
}

}  // namespace stockroom::fileserver
