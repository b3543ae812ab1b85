#include "services/api/domain/idempotency.h"

#include <algorithm>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr size_t kMaxKeyLength = 255;
// Longer than a write takes, retries of its transaction included. If it takes longer all the same,
// whoever took the key over wins: the write's transaction looks whether the key is still held.
constexpr absl::Duration kHold = absl::Seconds(30);

}  // namespace

absl::Status CheckIdempotencyKey(std::string_view key) {
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (visible && key.size() <= kMaxKeyLength) return absl::OkStatus();
  return InvalidArgument("BAD_IDEMPOTENCY_KEY",
                         "an idempotency key has 1 to 255 visible ASCII characters");
}

HeldKey::~HeldKey() {
  if (store_ == nullptr || written_) return;
  // Does nothing if the write happened after all, whatever we were told of it.
  const absl::Status released = store_->ReleaseKey(write_.owner, write_.key, write_.token);
  if (!released.ok()) LogWarning("an idempotency key stays held", {{"error", released}});
}

void HeldKey::Answered(const std::string& answer) {
  MetadataStore* store = std::exchange(store_, nullptr);
  const absl::Status amended = store->AmendAnswer(write_.owner, write_.key, write_.token, answer);
  if (!amended.ok()) LogWarning("a stored answer lacks its position", {{"error", amended}});
}

void HeldKey::Revoke() {
  const absl::Status amended = store_->AmendAnswer(write_.owner, write_.key, write_.token, "");
  if (!amended.ok()) LogWarning("an undone upload keeps its answer", {{"error", amended}});
}

absl::StatusOr<KeyOutcome> HoldKey(
    MetadataStore& store, Clock& clock, const CallContext& context, const Principal& who,
    const Digest& fingerprint,
    std::function<std::string(const Image& image, bool deduplicated)> answer) {
  if (context.idempotency_key.empty()) return KeyOutcome();
  SR_RETURN_IF_ERROR(CheckIdempotencyKey(context.idempotency_key));
  const absl::Time now = clock.Now();
  SR_ASSIGN_OR_RETURN(KeyReservation reservation,
                      store.ReserveKey(who.subject, context.idempotency_key, now, now + kHold));
  switch (reservation.state) {
    case KeyReservation::State::kInFlight:
      return MakeStatus(absl::StatusCode::kAborted,
                        "another call with this idempotency key has not ended; ask again shortly",
                        {.reason = "IDEMPOTENCY_KEY_IN_FLIGHT", .retry_after = absl::Seconds(1)});
    case KeyReservation::State::kAnswered:
      if (reservation.fingerprint != fingerprint) {
        return InvalidArgument("IDEMPOTENCY_KEY_REUSED",
                               "this idempotency key was used for another request; make a new key "
                               "for every new request");
      }
      if (context.replayed != nullptr) context.replayed->store(true);
      return StoredAnswer{std::move(reservation.answer)};
    case KeyReservation::State::kReserved:
      break;
  }
  return HeldKey(store, {.owner = who.subject,
                         .key = context.idempotency_key,
                         .token = reservation.token,
                         .fingerprint = fingerprint,
                         .answer = std::move(answer)});
}

}  // namespace stockroom::api
