// What moderators do: look at what is hidden, decide, read the trail, keep the block list.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/change_listeners.h"
#include "services/api/domain/idempotency.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

inline constexpr size_t kMaxDecisionReason = 1000;  // bytes
inline constexpr size_t kMaxHashLabel = 100;        // bytes
inline constexpr size_t kMaxHashNote = 500;         // bytes
inline constexpr int kMaxHashesPerCall = 10'000;

struct HiddenPage {
  struct Item {
    Image image;
    std::optional<Decision> latest;
  };
  std::vector<Item> items;
  std::string next_page_token;
};

struct DecisionPage {
  std::vector<Decision> decisions;
  std::string next_page_token;
};

struct HashPage {
  std::vector<BlockedHash> hashes;
  std::string next_page_token;
};

// One hash a line, "hash[,threshold][,note]"; empty lines and those that begin with # are passed
// over. INVALID_ARGUMENT (INVALID_FIELD) names the first bad line.
absl::StatusOr<std::vector<BlockedHash>> ParseHashText(std::string_view text);
std::string HashText(const std::vector<BlockedHash>& hashes);

// Thread-safe and blocking. Errors are listed in proto/stockroom/v1/moderation.proto; and those of
// the store.
class Moderation {
 public:
  struct Options {
    // Every api holds them in memory, about 200 bytes each, and compares each picture with each.
    int max_hashes = 100'000;
    // The list has grown. Must not block.
    std::function<void()> wake = [] {};
    // Told of every decision before it is answered; may be null.
    WriteListener* listener = nullptr;
  };
  // `clock` is that of the database. All must outlive it.
  Moderation(Options options, MetadataStore& store, Clock& clock);

  absl::StatusOr<HiddenPage> ListHidden(ImageState state, int page_size,
                                        const std::string& page_token);
  absl::StatusOr<ChangedImage> Decide(const Principal& who, const std::string& id, ImageState to,
                                      const std::string& reason, const WriteOptions& options);
  absl::StatusOr<DecisionPage> ListDecisions(const std::string& image_id, int page_size,
                                             const std::string& page_token);

  // Label and note as given, creator and time filled in; a hash that is given twice counts once,
  // as the last says.
  absl::StatusOr<ModerationStore::Added> AddHashes(const Principal& who,
                                                   std::vector<BlockedHash> hashes);
  absl::StatusOr<int> RemoveHashes(std::vector<std::string> hashes);
  absl::StatusOr<HashPage> ListHashes(int page_size, const std::string& page_token);

  // As api::HoldKey.
  absl::StatusOr<KeyOutcome> HoldKey(
      const CallContext& context, const Principal& who, const Digest& fingerprint,
      std::function<std::string(const Image& image, bool deduplicated)> answer);

 private:
  const Options options_;
  MetadataStore& store_;
  ModerationStore& moderation_;
  Clock& clock_;
};

}  // namespace stockroom::api
