#include "services/fileserver/store/incoming_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

absl::Status NotAnnounced(std::string_view what) {
  return MakeStatus(absl::StatusCode::kDataLoss,
                    absl::StrCat("the bytes that arrived are not those that were announced: their ",
                                 std::string(what), " is another one"),
                    {.reason = "DIGEST_MISMATCH"});
}

}  // namespace

absl::Status CheckAnnounced(const IncomingSpec& spec, const Digest& sha256, std::string_view md5,
                            uint32_t crc32c) {
  if (spec.sha256 && *spec.sha256 != sha256) return NotAnnounced("SHA-256");
  if (!spec.md5.empty() && spec.md5 != md5) return NotAnnounced("MD5");
  if (spec.crc32c && *spec.crc32c != crc32c) return NotAnnounced("CRC-32C");
  return absl::OkStatus();
}

// While something is being written the writer is not silent, however long that takes.
class IncomingWriter::Working {
 public:
  explicit Working(IncomingWriter& writer) : writer_(writer) { writer_.working_.store(true); }
  ~Working() {
    writer_.last_ns_.store(absl::ToInt64Nanoseconds(writer_.steady_()));
    writer_.working_.store(false);
  }

 private:
  IncomingWriter& writer_;
};

IncomingWriter::IncomingWriter(Plan plan, std::unique_ptr<IncomingSink> sink, Slots::Slot slot,
                               Clock& clock, std::function<absl::Duration()> steady, Counter& bytes)
    : plan_(std::move(plan)),
      clock_(clock),
      steady_(std::move(steady)),
      bytes_(bytes),
      last_ns_(absl::ToInt64Nanoseconds(steady_())),
      sink_(std::move(sink)),
      slot_(std::move(slot)),
      position_(plan_.offset),
      synced_at_(steady_()) {
  if (plan_.checksum) piece_.emplace(plan_.checksum->algorithm);
}

absl::Status IncomingWriter::Append(std::string_view bytes) {
  MutexLock lock(mu_);
  const Working working(*this);
  SR_RETURN_IF_ERROR(CheckAppend(bytes));
  SR_RETURN_IF_ERROR(sink_->Append(bytes));
  position_ += static_cast<int64_t>(bytes.size());
  unsynced_ += static_cast<int64_t>(bytes.size());
  bytes_.Add(bytes.size());
  if (piece_) piece_->Update(bytes);
  if (plan_.whole) {
    hasher_.Update(bytes);
    crc_ = Crc32c(bytes, crc_);
  }
  return SyncNowAndThen();
}

absl::Status IncomingWriter::CheckAppend(std::string_view bytes) {
  SR_RETURN_IF_ERROR(ended_);
  if (clock_.Now() >= plan_.spec.expires) {
    return NotFound("INCOMING_EXPIRED", "the upload has expired");
  }
  if (static_cast<int64_t>(bytes.size()) <= plan_.spec.size - position_) return absl::OkStatus();
  return MakeStatus(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("more than the ", plan_.spec.size, " bytes that were announced"),
      {.reason = "INCOMING_TOO_LARGE", .metadata = {{"limit", absl::StrCat(plan_.spec.size)}}});
}

absl::Status IncomingWriter::SyncNowAndThen() {
  if (AllOrNothing() || unsynced_ == 0) return absl::OkStatus();
  const absl::Duration now = steady_();
  if (unsynced_ < plan_.sync_bytes && now - synced_at_ < plan_.sync_interval) {
    return absl::OkStatus();
  }
  SR_RETURN_IF_ERROR(sink_->Sync());
  unsynced_ = 0;
  synced_at_ = now;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> IncomingWriter::Finish() {
  MutexLock lock(mu_);
  const Working working(*this);
  SR_RETURN_IF_ERROR(ended_);
  absl::Status status = CheckFinish();
  if (status.ok()) {
    status = sink_->Sync();
  } else if (absl::Status cut = sink_->Truncate(plan_.offset); !cut.ok()) {
    status = cut;
  }
  End(absl::FailedPreconditionError("the request has ended"));
  if (!status.ok()) return status;
  return position_;
}

absl::Status IncomingWriter::CheckFinish() {
  if (piece_ && piece_->Finish() != plan_.checksum->value) {
    return InvalidArgument("CHECKSUM_MISMATCH", "the bytes have another checksum; send them again");
  }
  if (!plan_.whole) return absl::OkStatus();
  if (position_ != plan_.spec.size) {
    return InvalidArgument("INCOMPLETE", absl::StrCat(position_, " bytes arrived of ",
                                                      plan_.spec.size, "; send them again"));
  }
  digest_ = hasher_.FinishSha256();
  return CheckAnnounced(plan_.spec, digest_, hasher_.FinishMd5(), crc_);
}

void IncomingWriter::Break() {
  MutexLock lock(mu_);
  const Working working(*this);
  if (sink_ == nullptr) return;
  Keep();
  End(absl::FailedPreconditionError("the request has ended"));
}

bool IncomingWriter::EndIfSilent(absl::Duration limit) {
  const auto silent = [&] {
    return !working_.load() && steady_() - absl::Nanoseconds(last_ns_.load()) >= limit;
  };
  if (!silent()) return false;
  MutexLock lock(mu_);
  if (sink_ == nullptr || !silent())
    return false;  // it has ended, or worked while this waited for it
  Keep();
  End(MakeStatus(absl::StatusCode::kAborted, "another request goes on with this upload",
                 {.reason = "INCOMING_TAKEN_OVER"}));
  return true;
}

void IncomingWriter::Keep() {
  const absl::Status status = AllOrNothing() ? sink_->Truncate(plan_.offset) : sink_->Sync();
  // Nobody was told that it has arrived; the client asks, or begins again.
  if (!status.ok()) {
    LogWarning("bytes of an upload are lost", {{"id", plan_.spec.id}, {"error", status}});
  }
}

void IncomingWriter::End(absl::Status why) {
  sink_.reset();
  slot_.reset();
  ended_ = std::move(why);
}

}  // namespace stockroom::fileserver
