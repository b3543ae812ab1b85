// The truth about images, jobs and events. One seam for memory, SQLite and MySQL; the contract
// suite tests/contract/metadata_store_contract.h says in detail what each must do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/api_key_store.h"
#include "services/api/domain/image.h"
#include "services/api/domain/moderation_store.h"
#include "services/api/domain/popularity_store.h"
#include "services/api/domain/upload_store.h"
#include "services/api/domain/webhook_store.h"

namespace stockroom::api {

// Makes a write safe to send twice: its answer is stored in the transaction of the write itself,
// under a key that ReserveKey has reserved.
struct IdempotentWrite {
  std::string owner;  // subject of the principal: keys of different people never meet
  std::string key;
  int64_t token = 0;  // of the reservation; fences off a caller whose reservation ran out
  // SHA-256 of the method and the request. A repetition must have the same.
  Digest fingerprint;
  // What a repetition is answered with, from the image after the write (before it, for a deletion).
  // Pure; may run more than once, on another caller's thread.
  std::function<std::string(const Image& image, bool deduplicated)> answer;
};

struct KeyReservation {
  enum class State {
    kReserved,  // go on, with `token`
    kInFlight,  // somebody else holds it
    kAnswered,  // `fingerprint` and `answer` are those of the first call
  };
  State state = State::kReserved;
  int64_t token = 0;
  Digest fingerprint;
  std::string answer;
};

struct NewImage {
  std::string id;
  std::string owner;
  Description described;
  std::string filename;
  Digest sha256;
  std::string md5;
  int64_t size_bytes = 0;
  // Make an image even if this owner has one with these bytes.
  bool allow_duplicate = false;
  // If not OK, and this owner has no image with these bytes, the error of the call: there is room
  // for nothing new.
  absl::Status unless_duplicate;
  // Of the upload; its job carries it to the worker's logs.
  std::string request_id;
  std::optional<IdempotentWrite> once;
  // Completes this upload, in the same transaction. One that is COMPLETED already is answered as it
  // was the first time (NOT_FOUND if that image is gone) and nothing changes; one that ended
  // otherwise with FAILED_PRECONDITION (UPLOAD_ABORTED, UPLOAD_EXPIRED) or the error that it FAILED
  // with; NOT_FOUND (UPLOAD_NOT_FOUND).
  std::string upload;
};

// An image as a backup keeps it.
struct ArchivedImage {
  Image image;
  // A person has approved it (ModerationStore).
  bool approved = false;
};

struct CreatedImage {
  Image image;
  // The owner had an image with these bytes: `image` is that one, unchanged, except that a FAILED
  // one that is not quarantined is PENDING again with a fresh job.
  bool deduplicated = false;
  // Position that a reader of the feed must have reached to know this image. 0 if the database went
  // away between the commit and the numbering: it will be numbered, nobody knows the number yet.
  int64_t feed_position = 0;
};

// An image after a change (or before it was deleted), and the position as in CreatedImage.
struct ChangedImage {
  Image image;
  int64_t feed_position = 0;
};

// Position in the list, newest first: images strictly older than (create_time, id) come after it.
struct ListCursor {
  absl::Time create_time;
  std::string id;
};

struct ListQuery {
  // Public images that are not hidden by moderation, and those of this owner; in any state but
  // UPLOADING.
  std::string viewer;
  // Of the owner's also the hidden ones.
  bool own_hidden = true;
  // Everybody's.
  bool all_owners = false;
  std::optional<ListCursor> after;
  int limit = 50;
};

// Stored as the first character of the job's id, so that the primary key orders by it: never
// renumber.
enum class JobPriority {
  kInteractive = 0,  // somebody waits for it
  kBackground = 1,   // re-processing
};

struct Job {
  // "<priority>-<microseconds of the enqueueing>-<random>", the latter two in 16 hex digits: sorts
  // as jobs are leased.
  std::string id;
  std::string image_id;
  std::string request_id;  // of the call that queued it; may be empty
  JobPriority priority = JobPriority::kInteractive;
  // 1 on the first lease. Leases that were released "not begun" do not count.
  int32_t attempt = 0;
  // How many of the attempts ended so (ReleaseKind).
  int32_t decoder_deaths = 0;
  int32_t worker_losses = 0;
  // Fencing token: differs for every lease of a job and grows. Whoever holds an older one can not
  // write any more.
  int64_t token = 0;
  absl::Time lease_until;
};

struct LeaseRequest {
  std::string holder;  // the api process, for operators
  int max_jobs = 1;
  // Of these at most so many of background priority.
  int max_background = 1'000'000;
  absl::Time now;
  absl::Duration lease = absl::Seconds(60);
};

struct EnqueueRequest {
  std::string request_id;
  JobPriority priority = JobPriority::kInteractive;
};

struct JobRef {
  std::string id;
  int64_t token = 0;
};

// A leased job with the image it is about, as of the lease.
struct LeasedJob {
  Job job;
  Image image;
};

struct ProcessingResult {
  ImageFacts facts;
  std::map<std::string, std::string> analysis;
  std::vector<Rendition> renditions;
  // Names the configuration (presets, engine) that it was made under; see ListOutdated.
  std::string work_plan;
  // Version of the block list that it was checked against, and what that or a moderator found.
  int64_t block_list_version = 0;
  std::optional<Finding> finding = {};
};

enum class ReleaseKind {
  kNotBegun,     // the worker never started it: the attempt does not count
  kAttempted,    // circumstances were at fault
  kDecoderDied,  // it killed its decoder or ran into its deadline
  kWorkerLost,   // the worker vanished
};

enum class FailKind {
  kFailed,
  // It is dangerous to try again: only EnqueueJob, which a person asked for, does.
  kQuarantined,
};

// Reason of the error of a reader whose next events are gone.
inline constexpr char kFeedTrimmed[] = "FEED_TRIMMED";

// Event types are stored and published: never rename.
inline constexpr char kImageCreated[] = "image.created";
inline constexpr char kImageUpdated[] = "image.updated";
inline constexpr char kImageReady[] = "image.ready";
inline constexpr char kImageFailed[] = "image.failed";
inline constexpr char kImageDeleted[] = "image.deleted";
// By moderation: hidden until somebody decides, shown, refused.
inline constexpr char kImageFlagged[] = "image.flagged";
inline constexpr char kImageApproved[] = "image.approved";
inline constexpr char kImageRejected[] = "image.rejected";

struct Event {
  // 1, 2, 3, …: given in an order that every reader sees alike and in which the events of one image
  // follow one another; gaps are possible. Once a reader saw a position, no smaller one appears.
  int64_t position = 0;
  std::string id;  // UUIDv7, unique for ever
  std::string type;
  std::string image_id;
  int64_t revision = 0;
  absl::Time time;
  // Of the image at that time (before it, for a deletion): who may be told. A hidden image's
  // visibility is private (SeenAs).
  std::string owner;
  Visibility visibility = Visibility::kPublic;
};

// What an owner has, with what open uploads announced.
struct Usage {
  int64_t images = 0;
  int64_t bytes = 0;  // of originals; equal ones count each
};

// Thread-safe and blocking: call it from an executor, never from a gRPC reaction or the HTTP loop.
// Each call is one transaction: it happens wholly and durably, or not at all. A call that fails
// with UNAVAILABLE or UNKNOWN may nevertheless have happened.
//
// Errors of every call: UNAVAILABLE (the database is away or busy for too long), INTERNAL.
class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  // Writes with `once` also fail with ABORTED (IDEMPOTENCY_KEY_LOST), changing nothing, when the
  // reservation is not held any more.

  // Image row (PENDING) + job + event. The blob must be durable before. Equal bytes of one owner:
  // see CreatedImage. ALREADY_EXISTS if the id is taken.
  virtual absl::StatusOr<CreatedImage> CreateImage(const NewImage& image, absl::Time now) = 0;

  // NOT_FOUND.
  virtual absl::StatusOr<Image> GetImage(const std::string& id) = 0;
  // Those that exist, in no particular order.
  virtual absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) = 0;
  // Newest first: create_time, then id, both descending.
  virtual absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) = 0;

  // Reads, lets `edit` change `described` and `analysis` (nothing else is stored), writes with
  // revision + 1 and an image.updated event. An error from `edit` is returned and nothing changes;
  // an edit that changes nothing writes nothing but `once`. `edit` may run more than once.
  // NOT_FOUND.
  virtual absl::StatusOr<ChangedImage> UpdateImage(
      const std::string& id, absl::Time now, const std::function<absl::Status(Image&)>& edit,
      const std::optional<IdempotentWrite>& once = std::nullopt) = 0;

  // Removes the row and its jobs, writes image.deleted. Returns what was removed. `check` sees the
  // image first; its error is returned and nothing changes. NOT_FOUND.
  virtual absl::StatusOr<ChangedImage> DeleteImage(
      const std::string& id, absl::Time now, const std::function<absl::Status(const Image&)>& check,
      const std::optional<IdempotentWrite>& once = std::nullopt) = 0;

  // Puts images back as a backup has them, with their ids, states, revisions and times, and writes
  // image.updated of each; the blobs must be durable before. Whose id is there is passed over. One
  // that was PENDING or PROCESSING is PENDING with a job of background priority. If one is READY,
  // all that are visible are swept for every blocked hash; an approval covers none. How many were
  // put in. INVALID_ARGUMENT (INVALID_TEXT; an image that is UPLOADING).
  virtual absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images,
                                           absl::Time now) = 0;

  // Those of `digests` that an image refers to, as of now: every row that was committed before the
  // call is seen.
  virtual absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) = 0;

  // Counts rows: takes a while for an owner of a million images.
  virtual absl::StatusOr<Usage> UsageOf(const std::string& owner) = 0;

  // Reserves an idempotency key until `until`. A reservation that ran out before `now` is taken
  // over; an answer is kept until ForgetKeys.
  virtual absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner,
                                                    const std::string& key, absl::Time now,
                                                    absl::Time until) = 0;
  // The call failed: the key is free again, unless it has been answered or taken over.
  virtual absl::Status ReleaseKey(const std::string& owner, const std::string& key,
                                  int64_t token) = 0;
  // Replaces a stored answer by what the caller was told in the end (after waiting). Does nothing
  // if the key is not answered under this token.
  virtual absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                                   const std::string& answer) = 0;
  // Forgets keys reserved or answered before `before`, at most `limit`; returns how many.
  virtual absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) = 0;

  // Jobs whose time has come and whose lease, if any, has run out; interactive ones first, then
  // oldest first. Jobs that another lease is being given to right now are passed over. Their images
  // become PROCESSING (no event: searches show only READY ones).
  virtual absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) = 0;
  // Moves the ends of these leases; returns those that are still held, the others were lost.
  virtual absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                          absl::Time lease_until) = 0;
  // Facts, renditions and analysis into the image (analysis under other names stays), job gone. The
  // image is READY (image.ready), or what `finding` says, with its event and a decision; a finding
  // of the block list is passed over if the hash is not newer than the image's approval, one of a
  // moderator if the image was visible or approved. One that is FLAGGED or REJECTED stays so
  // (image.updated).
  // FAILED_PRECONDITION if the token is not the current one or the job is gone (image deleted, job
  // done by another), ABORTED (BLOCK_LIST_CHANGED) if the block list is newer than what the result
  // was checked against: nothing changes.
  virtual absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                            absl::Time now) = 0;
  // The image is FAILED with `reason`, job gone, image.failed event. Token as above. A READY image
  // whose re-processing failed stays READY.
  virtual absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                        absl::Time now) = 0;
  // Gives the job back, to be leased at `not_before` or later; the image is PENDING (or READY, if
  // it had been processed before). Token as above.
  virtual absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) = 0;
  // Ends the leases of every holder: for the start of the only api on a database that one process
  // owns (SQLite). Attempts stay counted. Returns how many.
  virtual absl::StatusOr<int> ReleaseAllLeases() = 0;
  // A job for each of these images that has none (its renditions were lost, or the configuration
  // changed); one that waits with less priority is moved up. FAILED images become PENDING, also
  // quarantined ones. Images that do not exist are passed over. Returns how many jobs were made or
  // moved.
  virtual absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                          const EnqueueRequest& request, absl::Time now) = 0;
  // READY or FAILED images (not quarantined) with an id greater than `after` that were made under
  // another plan than `work_plan` and have no job; by id, at most `limit`. An empty plan: all.
  virtual absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                                const std::string& after,
                                                                int limit) = 0;
  struct JobCounts {
    int waiting = 0;  // free to lease now or later, of either priority
    int leased = 0;
  };
  // Of the first `limit` jobs in the order of leasing, so that a large backlog costs no more than a
  // small one.
  virtual absl::StatusOr<JobCounts> CountJobs(absl::Time now, int limit) = 0;
  // When the next job that is not leasable yet will be: for sleeping until then.
  virtual absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) = 0;

  // Events after `position`, in order, at most `limit`. OUT_OF_RANGE (FEED_TRIMMED) if some of
  // them are gone: the reader must start anew from a Snapshot.
  virtual absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) = 0;
  // Forgets the oldest events, up to the first that happened at `before` or later, at most `limit`;
  // returns how many. The newest event always stays.
  virtual absl::StatusOr<int> TrimEvents(absl::Time before, int limit) = 0;
  struct FeedRange {
    int64_t trimmed = 0;  // events up to here are gone
    // Position of the newest event; at least that of every event committed before the call.
    int64_t last = 0;
  };
  virtual absl::StatusOr<FeedRange> GetFeedRange() = 0;
  // A consistent picture for a reader that starts anew: calls `visit` with batches of images, from
  // several threads at once, and returns the position from which ReadEvents continues it (events up
  // to it are contained; a later one may be contained too, as the reader applies rows by revision).
  // The first error that `visit` returns ends it.
  virtual absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) = 0;

  // Names this database, for ever and unlike any other: what was derived from another one (a
  // checkpoint of the search index) does not belong to it.
  virtual absl::StatusOr<std::string> CatalogueId() = 0;

  // For work that one api does for all (collecting, trimming): true if `holder` has the lease
  // `name` until now + `ttl`, because it was free, had run out, or was its own.
  virtual absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder,
                                         absl::Time now, absl::Duration ttl) = 0;

  // What `now` of other calls should be when several processes share the database: its own clock,
  // so that a process whose clock is wrong takes nobody's lease.
  virtual absl::StatusOr<absl::Time> ServerTime() = 0;

  // The API keys, the webhooks, moderation, popularity and uploads in the same database. Live as
  // long as the store.
  virtual ApiKeyStore& api_keys() = 0;
  virtual WebhookStore& webhooks() = 0;
  virtual ModerationStore& moderation() = 0;
  virtual PopularityStore& popularity() = 0;
  virtual UploadStore& uploads() = 0;

  // Runs after every commit that wrote an event, on the committing thread; must not block or call
  // the store. Set once, before first use.
  virtual void SetCommitListener(std::function<void()> listener) = 0;
};

}  // namespace stockroom::api
