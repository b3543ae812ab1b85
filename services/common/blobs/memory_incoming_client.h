// IncomingClient in memory: the twin of the file server's, for tests.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/incoming_client.h"
#include "services/common/blobs/memory_blob_client.h"

namespace stockroom {

// Thread-safe. Callbacks run before the method that takes them returns. What has expired takes no
// more bytes, and is gone `keep_expired` later, complete or not.
class MemoryIncomingClient final : public IncomingClient {
 public:
  struct Options {
    int64_t max_bytes = int64_t{1} << 30;
    absl::Duration keep_expired = absl::Hours(24);
    // Of expiry. Not null.
    Clock* clock = &Clock::Real();
  };
  // Blobs are made in `blobs`, which must outlive this.
  explicit MemoryIncomingClient(MemoryBlobClient& blobs) : MemoryIncomingClient(Options{}, blobs) {}
  MemoryIncomingClient(const Options& options, MemoryBlobClient& blobs)
      : options_(options), blobs_(blobs) {}

  void Create(const CallContext& context, IncomingSpec spec,
              absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) override;
  void Stat(const CallContext& context, const std::string& id,
            absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) override;
  void Complete(const CallContext& context, const std::string& id,
                absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) override;
  void Remove(const CallContext& context, const std::string& id,
              absl::AnyInvocable<void(absl::Status)> done) override;
  void SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                   absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override;

  // ---- the client's side, faults and looks for tests ----

  // More bytes arrive. NOT_FOUND; FAILED_PRECONDITION if they do not begin where the last ended;
  // OUT_OF_RANGE if they are more than were announced.
  absl::Status Append(const std::string& id, int64_t offset, std::string_view bytes);

  enum class Call { kCreate, kStat, kComplete, kRemove, kSignBlobUrl };
  // The next call of this kind fails with `error` and does nothing. Several queue up.
  void FailNext(Call call, absl::Status error);
  // The next call of this kind does its work, and then its answer is lost: UNAVAILABLE.
  void LoseNextAnswer(Call call);
  size_t incoming_count() const;

 private:
  struct Incoming {
    IncomingSpec spec;
    std::string bytes;
  };

  absl::StatusOr<IncomingTicket> DoCreate(const CallContext& context, IncomingSpec spec);
  absl::StatusOr<IncomingInfo> DoStat(const CallContext& context, const std::string& id);
  absl::StatusOr<IncomingBlob> DoComplete(const CallContext& context, const std::string& id);
  absl::Status DoRemove(const CallContext& context, const std::string& id);
  absl::StatusOr<std::string> DoSign(const CallContext& context, const BlobUrlSpec& spec);
  absl::StatusOr<Incoming*> Find(const std::string& id) SR_REQUIRES(mu_);
  absl::Status TakeFault(Call call);
  absl::Status TakeLoss(Call call);

  const Options options_;
  MemoryBlobClient& blobs_;
  mutable Mutex mu_;
  std::map<std::string, Incoming> incomings_ SR_GUARDED_BY(mu_);
  std::map<Call, std::deque<absl::Status>> faults_ SR_GUARDED_BY(mu_);
  std::map<Call, int> losses_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom
