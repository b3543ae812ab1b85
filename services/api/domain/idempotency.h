// Writes that may be sent twice: keys, fingerprints and stored answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

// A call's hold on its key. Move-only; lets go of the key when it is destroyed, unless the answer
// was stored. Blocks on the store.
class HeldKey {
 public:
  HeldKey(MetadataStore& store, IdempotentWrite write) : store_(&store), write_(std::move(write)) {}
  HeldKey(HeldKey&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)),
        write_(std::move(other.write_)),
        written_(other.written_) {}
  HeldKey& operator=(HeldKey&&) = delete;
  ~HeldKey();

  // For the store's call that does the write.
  const IdempotentWrite& write() const { return write_; }
  // The write happened: nothing is to be let go of any more.
  void Written() { written_ = true; }
  // The write succeeded and `answer` is what the client is told. If this is lost, a repetition is
  // told what was stored with the write: the same, but without the feed position.
  void Answered(const std::string& answer);
  // The write was undone: a repetition gets an empty stored answer. The key can not be free again,
  // since the answer may have been read.
  void Revoke();

 private:
  MetadataStore* store_;
  IdempotentWrite write_;
  bool written_ = false;
};

// The answer that an earlier call got.
struct StoredAnswer {
  std::string answer;
};

// Takes the context's key for this call. nullopt without a key. `fingerprint` is of the method and
// the request; `answer` as in IdempotentWrite. Others may take the key over after half a minute, so
// that a process that died blocks nobody for long; the late write of the first then fails.
// Errors: INVALID_ARGUMENT (BAD_IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_REUSED), ABORTED
// (IDEMPOTENCY_KEY_IN_FLIGHT), those of the store. Blocks.
using KeyOutcome = std::variant<std::monostate, HeldKey, StoredAnswer>;
absl::StatusOr<KeyOutcome> HoldKey(
    MetadataStore& store, Clock& clock, const CallContext& context, const Principal& who,
    const Digest& fingerprint,
    std::function<std::string(const Image& image, bool deduplicated)> answer);

// INVALID_ARGUMENT (BAD_IDEMPOTENCY_KEY) unless it is empty or 1 to 255 visible ASCII characters.
absl::Status CheckIdempotencyKey(std::string_view key);

}  // namespace stockroom::api
