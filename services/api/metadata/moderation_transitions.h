// What moderation does to an image, free of any storage (see transitions.h). Pure functions, but
// for the ids that they give to decisions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

struct Moderated {
  const char* event = nullptr;  // null: nothing changed
  std::optional<Decision> decision;
};

// The job is done: facts, analysis and renditions go in, and the image is READY, what the finding
// says, or as hidden as before. `approved` as in ModerationStore::ApprovedVersion.
Moderated BecomeProcessed(Image& image, const ProcessingResult& result,
                          std::optional<int64_t> approved, absl::Time now);
// See ModerationStore::FlagVisible.
Moderated BecomeFlagged(Image& image, const Finding& finding, std::optional<int64_t> approved,
                        absl::Time now);
// See ModerationStore::Decide.
absl::StatusOr<Moderated> BecomeDecided(Image& image, const DecisionRequest& request,
                                        absl::Time now);

// As stored: only what a list can give back.
BlockedHash StoredHash(const BlockedHash& hash, int64_t version);
// Whether putting in `wanted` over `there` changes what is stored, and whether it may match images
// that it did not match before.
bool IsSameHash(const BlockedHash& there, const BlockedHash& wanted);
bool MatchesMore(const BlockedHash& there, const BlockedHash& wanted);

// ABORTED (BLOCK_LIST_CHANGED).
absl::Status BlockListChanged(int64_t checked, int64_t current);
// ABORTED (SWEEP_MOVED).
absl::Status SweepMoved();
// RESOURCE_EXHAUSTED (TOO_MANY_HASHES).
absl::Status TooManyHashes(int limit);

}  // namespace stockroom::api
