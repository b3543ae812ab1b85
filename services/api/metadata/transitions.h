// What each call does to an image, free of any storage: every MetadataStore uses these, so that
// they can not drift apart. Pure functions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/image.h"
#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

// Stores keep microseconds: what a call returns must equal what is read later.
absl::Time StoredTime(absl::Time time);

// INVALID_ARGUMENT (INVALID_TEXT, naming the field) if a text is not clean UTF-8: no database would
// give it back unchanged.
absl::Status CheckStorable(const Image& image);
absl::Status CheckStorable(const ProcessingResult& result);

// A reason that any database can keep: bytes that are no text become question marks.
std::string CleanReason(std::string_view reason);

Image CreatedFrom(const NewImage& created, absl::Time now);

// What a backup has of an image, as it is put back: what a worker had under way begins anew.
Image RestoredFrom(const Image& archived);
// As CheckStorable; INVALID_ARGUMENT for one that no backup holds.
absl::Status CheckArchived(std::span<const ArchivedImage> images);

// The following return whether the image changed; its revision then grew by one.

// Its bytes were uploaded again: a FAILED one is to be tried again, unless it is quarantined.
bool WantsNewJob(const Image& image);
// A job was made for it: a FAILED one is PENDING again.
bool BecomeQueued(Image& image, absl::Time now);
// A READY image stays READY, and so findable, while it is processed anew; a FLAGGED or REJECTED one
// as hidden as it is.
bool BecomeLeased(Image& image);
bool BecomeReleased(Image& image);
// False for an image that was processed before: it keeps what it has.
bool BecomeFailed(Image& image, FailKind kind, std::string_view reason, absl::Time now);

// See Job::id.
std::string NewJobId(JobPriority priority, absl::Time now);
JobPriority PriorityOf(std::string_view job_id);
// How a release changes a job's counts.
void CountRelease(Job& job, ReleaseKind kind);

// A fencing token that no other reservation has: random, as it is compared for equality only.
int64_t NewReservationToken();

// Runs `edit` on a copy and takes over what it may change. The error of `edit` or CheckStorable.
absl::StatusOr<bool> ApplyEdit(Image& image, absl::Time now,
                               const std::function<absl::Status(Image&)>& edit);

// ABORTED (IDEMPOTENCY_KEY_LOST).
absl::Status KeyLost(std::string_view key);
// OUT_OF_RANGE (FEED_TRIMMED).
absl::Status FeedTrimmed(int64_t position, int64_t trimmed);
// FAILED_PRECONDITION (LEASE_LOST).
absl::Status LeaseLost(const JobRef& job);
// ALREADY_EXISTS (ID_TAKEN).
absl::Status IdTaken(std::string_view id);
// ALREADY_EXISTS (KEY_TAKEN).
absl::Status ApiKeyTaken(std::string_view id);
// RESOURCE_EXHAUSTED (TOO_MANY_KEYS).
absl::Status TooManyApiKeys(int limit);
// NOT_FOUND (KEY_NOT_FOUND).
absl::Status NoSuchApiKey(std::string_view id);

}  // namespace stockroom::api
