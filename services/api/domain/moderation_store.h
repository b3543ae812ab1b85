// The block list, what moderation decided, and how far a new list was held against the images that
// are there. One seam for memory, SQLite and MySQL; tests/contract/metadata/contract_moderation.h
// says in detail what each must do.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

struct IdempotentWrite;
struct ChangedImage;

// Hamming distance of two PDQ hashes of 256 bits up to which the pictures count as the same one: as
// the algorithm's authors advise.
inline constexpr int kDefaultHashThreshold = 31;
inline constexpr int kMaxHashThreshold = 64;

// A picture that is not wanted, known by its perceptual hash.
struct BlockedHash {
  std::string hash;  // 64 lower-case hexadecimal digits
  int threshold = kDefaultHashThreshold;
  std::string label;    // of the list that it is from
  std::string note;     // for people
  std::string creator;  // subject
  absl::Time create_time;
  // Of the list, when the hash or a larger threshold came in.
  int64_t version = 0;

  friend bool operator==(const BlockedHash&, const BlockedHash&) = default;
};

// Who decided. Stored: never renumber.
enum class DecidedBy {
  kPerson = 1,
  kBlockList = 2,
  kModerator = 3,  // the external one
  kPolicy = 4,     // the external one did not answer
};

// What was found about an image that nobody has decided about yet.
struct Finding {
  ImageState to = ImageState::kFlagged;  // or kRejected
  DecidedBy by = DecidedBy::kBlockList;
  std::string reason;  // the owner reads it
  // kBlockList: the hash that matched, how far it is off, and what version of the list it came in.
  std::string hash;
  int distance = 0;
  int64_t hash_version = 0;
  std::vector<std::string> labels;

  friend bool operator==(const Finding&, const Finding&) = default;
};

// A row of the audit trail: never changed, and kept when its image is deleted.
struct Decision {
  std::string id;  // UUIDv7
  std::string image_id;
  std::string image_owner;
  absl::Time time;
  DecidedBy by = DecidedBy::kPerson;
  std::string who;  // subject of the person; empty otherwise
  ImageState from = ImageState::kReady;
  ImageState to = ImageState::kFlagged;
  std::string reason;
  std::string hash;
  int distance = 0;
  std::vector<std::string> labels;
  int64_t revision = 0;  // of the image afterwards

  friend bool operator==(const Decision&, const Decision&) = default;
};

// Reason of the error of a completion that was checked against an older list.
inline constexpr char kBlockListChanged[] = "BLOCK_LIST_CHANGED";

struct BlockListRows {
  int64_t version = 0;
  std::vector<BlockedHash> hashes;  // by hash
};

// How far the images that are there were held against the list.
struct SweepState {
  int64_t version = 0;  // of the list now
  int64_t done = 0;     // every visible image was checked against the hashes up to this version
  int64_t target = 0;   // a sweep for the hashes after `done` up to this one runs; 0: none does
  std::string cursor;   // images up to this id are checked

  friend bool operator==(const SweepState&, const SweepState&) = default;
};

// A READY image and what it looks like.
struct HashedImage {
  std::string id;
  std::string pdq;  // the JSON text of that analysis; empty if there is none
};

// Version of the list up to which the approval of an image counts that a backup has put back: what
// the person knew is not in the backup, and the list may be another. So it covers no hash, only
// what a moderator finds.
inline constexpr int64_t kArchivedApproval = 0;

struct DecisionRequest {
  std::string who;
  ImageState to = ImageState::kReady;  // or kRejected, kFlagged
  std::string reason;
  int64_t if_revision = 0;  // 0: any
};

// Thread-safe and blocking, as MetadataStore. Each call is one transaction: it happens wholly and
// durably, or not at all. A call that fails with UNAVAILABLE or UNKNOWN may nevertheless have
// happened. Times are kept in microseconds.
//
// The version of the list grows with every change of it, in the transaction of the change. A
// transaction that makes an image visible (MetadataStore::CompleteJob) names the version that the
// image was checked against; it and a change of the list never run at the same time, and it fails
// if it comes second. So every image was checked against every hash either when it became visible,
// or by the sweep that begins after the change. Images that come out of a backup
// (MetadataStore::ImportImages) make the sweep begin anew, with every hash.
//
// Errors of every call: UNAVAILABLE (the database is away or busy for too long), INTERNAL.
class ModerationStore {
 public:
  virtual ~ModerationStore() = default;

  struct Added {
    int added = 0;
    int changed = 0;  // were there, with another threshold, label or note
    int64_t version = 0;
  };
  // None may be given twice. Those that are there are replaced. The version grows
  // unless nothing is new. RESOURCE_EXHAUSTED (TOO_MANY_HASHES): there would be more than `max`;
  // nothing changes.
  virtual absl::StatusOr<Added> AddHashes(std::span<const BlockedHash> hashes, int max) = 0;
  // Returns how many were there. What they flagged stays flagged.
  virtual absl::StatusOr<int> RemoveHashes(std::span<const std::string> hashes) = 0;
  // By hash, those greater than `after`.
  virtual absl::StatusOr<std::vector<BlockedHash>> ListHashes(const std::string& after,
                                                              int limit) = 0;
  // All. Holds at least what was in the list at `version`.
  virtual absl::StatusOr<BlockListRows> ReadBlockList() = 0;

  virtual absl::StatusOr<SweepState> ReadSweep() = 0;
  // ABORTED (SWEEP_MOVED) unless done, target and cursor are those of `from`; nothing changes then.
  // `to.version` is ignored.
  virtual absl::Status MoveSweep(const SweepState& from, const SweepState& to) = 0;
  // READY images with an id greater than `after`, by id.
  virtual absl::StatusOr<std::vector<HashedImage>> ListVisible(const std::string& after,
                                                               int limit) = 0;
  // A READY image that nobody approved knowing the hash: hidden, with an event and a decision.
  // False if it is not such a one (any more), or gone.
  virtual absl::StatusOr<bool> FlagVisible(const std::string& image_id, const Finding& finding,
                                           absl::Time now) = 0;

  // Up to which version of the list a person has approved the image; nothing if nobody has.
  virtual absl::StatusOr<std::optional<int64_t>> ApprovedVersion(const std::string& image_id) = 0;
  // Approves (READY), rejects or flags an image that is READY, FLAGGED or REJECTED, with an event
  // (image.approved, image.rejected, image.flagged) and a decision. An approval covers the list as
  // it is then. The state that it has already: nothing changes, but for an approval, which is
  // remembered. NOT_FOUND, FAILED_PRECONDITION (IMAGE_NOT_PROCESSED), ABORTED (REVISION_MISMATCH).
  virtual absl::StatusOr<ChangedImage> Decide(const std::string& image_id,
                                              const DecisionRequest& request, absl::Time now,
                                              const std::optional<IdempotentWrite>& once) = 0;
  // Images in a state (FLAGGED or REJECTED), the greatest id (the newest) first, those smaller than
  // `before` (empty: all).
  virtual absl::StatusOr<std::vector<Image>> ListHidden(ImageState state, const std::string& before,
                                                        int limit) = 0;
  // The newest first; of one image, or of all if it is empty.
  virtual absl::StatusOr<std::vector<Decision>> ListDecisions(const std::string& image_id,
                                                              const std::string& before,
                                                              int limit) = 0;
};

}  // namespace stockroom::api
