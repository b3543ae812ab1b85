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
#include "services/api/domain/image.h"

namespace stockroom::api {

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
  // Of the upload; its job carries it to the worker's logs.
  std::string request_id;
};

struct CreatedImage {
  Image image;
  // The owner had an image with these bytes: `image` is that one, unchanged, except that a FAILED
  // one is PENDING again with a fresh job.
  bool deduplicated = false;
  // Event that a reader must have seen to know this image.
  int64_t feed_position = 0;
};

// Position in the list, newest first: images strictly older than (create_time, id) come after it.
struct ListCursor {
  absl::Time create_time;
  std::string id;
};

struct ListQuery {
  // Public images and those of this owner, in any state but UPLOADING.
  std::string viewer;
  std::optional<ListCursor> after;
  int limit = 50;
};

struct Job {
  std::string id;
  std::string image_id;
  std::string request_id;  // of the call that queued it; may be empty
  // 1 on the first lease. Leases that were released "not begun" do not count.
  int32_t attempt = 0;
  // Fencing token: differs for every lease of a job and grows. Whoever holds an older one can not
  // write any more.
  int64_t token = 0;
  absl::Time lease_until;
};

struct LeaseRequest {
  std::string holder;  // the api process, for operators
  int max_jobs = 1;
  absl::Time now;
  absl::Duration lease = absl::Seconds(60);
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
};

enum class ReleaseKind {
  kNotBegun,  // the worker never started it: the attempt does not count
  kAttempted,
};

// Event types are stored and published: never rename.
inline constexpr char kImageCreated[] = "image.created";
inline constexpr char kImageUpdated[] = "image.updated";
inline constexpr char kImageReady[] = "image.ready";
inline constexpr char kImageFailed[] = "image.failed";
inline constexpr char kImageDeleted[] = "image.deleted";

struct Event {
  int64_t position = 0;  // 1, 2, 3, … in commit order; gaps are possible
  std::string id;        // UUIDv7, unique for ever
  std::string type;
  std::string image_id;
  int64_t revision = 0;
  absl::Time time;
};

// Thread-safe and blocking: call it from an executor, never from a gRPC reaction or the HTTP loop.
// Each call is one transaction: it happens wholly and durably, or not at all. A call that fails
// with UNAVAILABLE or UNKNOWN may nevertheless have happened.
//
// Errors of every call: UNAVAILABLE (the database is away or busy for too long), INTERNAL.
class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

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
  // an edit that changes nothing writes nothing. `edit` may run more than once. NOT_FOUND.
  virtual absl::StatusOr<Image> UpdateImage(const std::string& id, absl::Time now,
                                            const std::function<absl::Status(Image&)>& edit) = 0;

  // Removes the row and its jobs, writes image.deleted. Returns what was removed. `check` sees the
  // image first; its error is returned and nothing changes. NOT_FOUND.
  virtual absl::StatusOr<Image> DeleteImage(
      const std::string& id, absl::Time now,
      const std::function<absl::Status(const Image&)>& check) = 0;

  // Does any image refer to these bytes?
  virtual absl::StatusOr<bool> IsReferenced(const Digest& digest) = 0;

  // Jobs whose time has come and whose lease, if any, has run out; oldest first. Their images
  // become PROCESSING (no event: searches show only READY ones).
  virtual absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) = 0;
  // Moves the ends of these leases; returns those that are still held, the others were lost.
  virtual absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                          absl::Time lease_until) = 0;
  // Facts, renditions and analysis into the image (analysis under other names stays), READY, job
  // gone, image.ready event. FAILED_PRECONDITION if the token is not the current one or the job is
  // gone (image deleted, job done by another): nothing changes.
  virtual absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                            absl::Time now) = 0;
  // The image is FAILED with `reason`, job gone, image.failed event. Token as above. A READY image
  // whose re-processing failed stays READY.
  virtual absl::StatusOr<Image> FailJob(const JobRef& job, const std::string& reason,
                                        absl::Time now) = 0;
  // Gives the job back, to be leased at `not_before` or later; the image is PENDING (or READY, if
  // it had been processed before). Token as above.
  virtual absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) = 0;
  // Ends the leases of every holder: for the start of the only api on a database that one process
  // owns (SQLite). Attempts stay counted. Returns how many.
  virtual absl::StatusOr<int> ReleaseAllLeases() = 0;
  // A job for an image that has none, e.g. because its renditions were lost. False if it has one.
  // NOT_FOUND.
  virtual absl::StatusOr<bool> EnqueueJob(const std::string& image_id,
                                          const std::string& request_id, absl::Time now) = 0;
  struct JobCounts {
    int waiting = 0;  // free to lease now or later
    int leased = 0;
  };
  virtual absl::StatusOr<JobCounts> CountJobs(absl::Time now) = 0;
  // When the next job that is not leasable yet will be: for sleeping until then.
  virtual absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) = 0;

  // Events after `position`, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) = 0;
  // A consistent picture for a reader that starts anew: calls `visit` with batches of images and
  // returns the position from which ReadEvents continues it (events up to it are contained; a later
  // one may be contained too, as the reader applies rows by revision).
  virtual absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) = 0;

  // Runs after every commit that wrote an event, on the committing thread; must not block or call
  // the store. Set once, before first use.
  virtual void SetCommitListener(std::function<void()> listener) = 0;
};

}  // namespace stockroom::api
