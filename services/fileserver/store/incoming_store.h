// The rules of direct uploads, over an IncomingBackend and the BlobStore that they end in.
// Semantics: proto/stockroom/internal/incoming.proto.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/incoming_client.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/incoming_backend.h"
#include "services/fileserver/store/incoming_writer.h"
#include "services/fileserver/store/slots.h"
#include "services/fileserver/store/touch_clock.h"

namespace stockroom::fileserver {

// Thread-safe; every method blocks; outlives its writers. What has expired takes no more bytes, but
// can be looked at and completed for `keep_expired`: who sent its last byte in time was told that
// it arrived. Then it is gone; its bytes go in the background. Metrics:
// stockroom_fileserver_incomings, _incoming_bytes_total, _incoming_completed_total,
// _incoming_expired_total, _incoming_taken_over_total, and those of Slots (incoming append,
// incoming completion).
class IncomingStore {
 public:
  struct Options {
    int64_t max_bytes = int64_t{1} << 30;
    // Each holds an inode or three and up to max_bytes.
    int64_t max_count = 10'000;
    // A URL is a password; a week is what S3 allows.
    absl::Duration max_lifetime = absl::Hours(24 * 7);
    // The api removes what is over, so this matters while it is away: time to come back.
    absl::Duration keep_expired = absl::Hours(24);
    // Each holds a connection and a descriptor.
    int64_t max_writers = 128;
    // Each holds a thread for as long as reading and hashing take.
    int64_t max_completions = 4;
    // A crash costs an upload at most so much, whichever comes first.
    int64_t sync_bytes = int64_t{8} << 20;
    absl::Duration sync_interval = absl::Seconds(10);
    // Who has sent nothing for so long may be superseded by another request for the same upload.
    // tus clients try again for about 9 s before they give up.
    absl::Duration silence = absl::Seconds(3);
    absl::Duration expire_every = absl::Minutes(1);
    // Of expiry. Not null.
    Clock* clock = &Clock::Real();
    // Of silence and syncs. Not null.
    std::function<absl::Duration()> steady = SteadyNow;
  };
  IncomingStore(IncomingBackend& backend, BlobStore& blobs, const Options& options,
                Metrics& metrics);

  // Finds what is there, and from then on removes what has expired, on a thread of its own. Errors
  // of the backend, but UNAVAILABLE.
  absl::Status Start();
  // Joins that thread. Idempotent.
  void Stop() { loop_.Stop(); }

  // INVALID_ARGUMENT; OUT_OF_RANGE (TOO_LARGE); ALREADY_EXISTS (INCOMING_EXISTS);
  // RESOURCE_EXHAUSTED (TOO_MANY_INCOMINGS, disk space).
  absl::Status Create(const IncomingSpec& spec);

  struct State {
    IncomingSpec spec;
    int64_t offset = 0;
    bool complete = false;  // a blob has been made of it
  };
  // INVALID_ARGUMENT, NOT_FOUND (INCOMING_NOT_FOUND, INCOMING_EXPIRED).
  absl::StatusOr<State> Stat(const std::string& id);
  // As Stat, for a client that comes back to go on: a request of its that has been silent for long
  // ends, and what it may keep counts. Nobody who only looks may do that to a slow client.
  absl::StatusOr<State> StatToGoOn(const std::string& id);

  struct AppendOptions {
    int64_t offset = 0;
    // How much will come, if that is known.
    std::optional<int64_t> length;
    std::optional<PieceChecksum> checksum;
  };
  // NOT_FOUND as Stat; INVALID_ARGUMENT; FAILED_PRECONDITION (OFFSET_MISMATCH, with the offset;
  // INCOMING_COMPLETE); OUT_OF_RANGE (INCOMING_TOO_LARGE); ABORTED (INCOMING_BUSY);
  // RESOURCE_EXHAUSTED (writers, disk space).
  absl::StatusOr<std::shared_ptr<IncomingWriter>> Append(const std::string& id,
                                                         const AppendOptions& options);
  // Drops the part that has arrived: all of it comes anew, in one piece, and must have the
  // checksums of `spec`, which may be more than were announced. Errors as Append; INCOMING_COMPLETE
  // also when all of it has arrived.
  absl::StatusOr<std::shared_ptr<IncomingWriter>> Replace(const IncomingSpec& spec);

  // What blobs are made of.
  enum class Accepts { kAnything, kImages, kImagesAndSvg };
  // See the proto. Stops with `context`. RESOURCE_EXHAUSTED (completions, disk space), DATA_LOSS
  // also with INCOMING_DAMAGED: what had arrived was damaged here. INVALID_ARGUMENT (NOT_AN_IMAGE).
  absl::StatusOr<IncomingBlob> Complete(const CallContext& context, const std::string& id,
                                        Accepts accepts = Accepts::kAnything);

  // ABORTED (INCOMING_BUSY), INVALID_ARGUMENT.
  absl::Status Remove(const std::string& id);

  // One round of what the thread does. How many were removed.
  int RemoveExpired();

 private:
  struct Opened {
    std::unique_ptr<IncomingSource> source;
    IncomingSpec spec;
  };
  // Also what is gone.
  absl::StatusOr<Opened> OpenAny(const std::string& id);
  absl::StatusOr<Opened> Open(const std::string& id);
  absl::StatusOr<Opened> OpenToWrite(const std::string& id);
  absl::Status CreateOnce(const IncomingSpec& spec);
  absl::StatusOr<std::shared_ptr<IncomingWriter>> Begin(IncomingWriter::Plan plan,
                                                        std::unique_ptr<IncomingSink> sink,
                                                        Slots::Slot slot);
  // Ends a writer that has been silent for long. One that is at work makes the backend say ABORTED.
  void EndSilentWriter(const std::string& id);
  absl::StatusOr<StoredBlob> MakeBlob(const CallContext& context, const Opened& opened,
                                      Accepts accepts, std::string* head);
  absl::StatusOr<std::optional<IncomingBlob>> MadeBefore(const Opened& opened);

  absl::Status Know(const std::string& id, absl::Time gone);
  void Forget(const std::string& id);
  absl::Status FindAll();
  std::vector<std::string> PickExpired();
  bool RemoveIfExpired(const std::string& id);
  bool HasExpired(absl::Time expires) const { return options_.clock->Now() >= expires; }
  absl::Time GoneAt(const IncomingSpec& spec) const { return spec.expires + options_.keep_expired; }

  IncomingBackend& backend_;
  BlobStore& blobs_;
  const Options options_;
  Slots writing_;
  Slots completing_;
  Gauge& count_;
  Counter& bytes_;
  Counter& completed_;
  Counter& expired_;
  Counter& taken_over_;
  Mutex ending_;  // held while one is looked at and removed because it has expired; before mu_
  Mutex mu_;
  struct Known {
    absl::Time gone;  // InfinitePast: not looked at
    int64_t round;    // of looking for all, in which it became known
  };
  // All that are there, as far as is known here.
  std::map<std::string, Known> known_ SR_GUARDED_BY(mu_);
  int64_t round_ SR_GUARDED_BY(mu_) = 0;
  std::map<std::string, std::weak_ptr<IncomingWriter>> writers_ SR_GUARDED_BY(mu_);
  BackgroundLoop loop_;
};

}  // namespace stockroom::fileserver
