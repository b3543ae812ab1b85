// One request that brings bytes to an incoming.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/incoming_client.h"
#include "services/fileserver/store/incoming_backend.h"
#include "services/fileserver/store/piece_checksum.h"
#include "services/fileserver/store/slots.h"

namespace stockroom::fileserver {

// Made by IncomingStore, which outlives it. Thread-safe; blocking, the destructor too (it closes a
// file). Whoever has it ends it with Finish or Break; it is also ended by somebody else who goes on
// with the same incoming after this one has been silent for long, because the connection of a
// client that lost its network looks open for minutes.
//
// What must be right as a whole (a checksum was given, or all of it is brought at once) is kept
// whole or not at all; of anything else everything that came is kept, and synced now and then, so
// that a crash costs little.
class IncomingWriter {
 public:
  struct Plan {
    IncomingSpec spec;
    int64_t offset = 0;  // where it begins
    // Of what this request brings.
    std::optional<PieceChecksum> checksum;
    // It brings all of it, beginning at 0, and what it brings must be what was announced.
    bool whole = false;
    int64_t sync_bytes = 0;
    absl::Duration sync_interval;
  };
  // `clock` says when the upload expires. Silence and syncs are measured by `steady`, since a wall
  // clock that jumps ahead would take a client's upload away in the middle of its bytes.
  IncomingWriter(Plan plan, std::unique_ptr<IncomingSink> sink, Slots::Slot slot, Clock& clock,
                 std::function<absl::Duration()> steady, Counter& bytes);

  // NOT_FOUND (INCOMING_EXPIRED), OUT_OF_RANGE (INCOMING_TOO_LARGE: more than was announced),
  // RESOURCE_EXHAUSTED, UNAVAILABLE, ABORTED (INCOMING_TAKEN_OVER). After an error only Break makes
  // sense.
  absl::Status Append(std::string_view bytes);
  // How much has arrived, durably. INVALID_ARGUMENT (CHECKSUM_MISMATCH; INCOMPLETE: it was to bring
  // all), DATA_LOSS (DIGEST_MISMATCH: not what was announced); then nothing of it is kept.
  absl::StatusOr<int64_t> Finish();
  // The request ends early: keeps what may be kept. Nothing if it has ended already.
  void Break();

  // Ends it, as Break, for somebody else. False if it has not been silent for `limit`, or has ended
  // already. Does not wait for one that is at work.
  bool EndIfSilent(absl::Duration limit);

  // SHA-256 of what was brought. After Finish of a plan that brings all of it.
  const Digest& digest() const { return digest_; }

 private:
  class Working;

  absl::Status CheckAppend(std::string_view bytes) SR_REQUIRES(mu_);
  absl::Status CheckFinish() SR_REQUIRES(mu_);
  absl::Status SyncNowAndThen() SR_REQUIRES(mu_);
  void Keep() SR_REQUIRES(mu_);
  void End(absl::Status why) SR_REQUIRES(mu_);
  bool AllOrNothing() const { return plan_.whole || plan_.checksum.has_value(); }

  const Plan plan_;
  Clock& clock_;
  const std::function<absl::Duration()> steady_;
  Counter& bytes_;
  // Looked at without waiting for what works.
  std::atomic<bool> working_{false};
  std::atomic<int64_t> last_ns_;  // by steady_
  mutable Mutex mu_;
  std::unique_ptr<IncomingSink> sink_ SR_GUARDED_BY(mu_);  // null once ended
  std::optional<Slots::Slot> slot_ SR_GUARDED_BY(mu_);
  absl::Status ended_ SR_GUARDED_BY(mu_);
  int64_t position_ SR_GUARDED_BY(mu_);
  int64_t unsynced_ SR_GUARDED_BY(mu_) = 0;
  absl::Duration synced_at_ SR_GUARDED_BY(mu_);
  std::optional<PieceHasher> piece_ SR_GUARDED_BY(mu_);
  StreamHasher hasher_ SR_GUARDED_BY(mu_){StreamHasher::Md5::kYes};
  uint32_t crc_ SR_GUARDED_BY(mu_) = 0;
  Digest digest_;
};

// What bytes must have to be those of `spec`. DATA_LOSS (DIGEST_MISMATCH).
absl::Status CheckAnnounced(const IncomingSpec& spec, const Digest& sha256, std::string_view md5,
                            uint32_t crc32c);

}  // namespace stockroom::fileserver
