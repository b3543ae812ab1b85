#include "services/api/metadata/moderation_transitions.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

const char* EventOf(ImageState state) {
  if (state == ImageState::kFlagged) return kImageFlagged;
  return state == ImageState::kRejected ? kImageRejected : kImageApproved;
}

// An approval covers the list as it was, and whatever a moderator may find: the bytes stay the
// same.
bool Counts(const Finding& finding, const Image& image, std::optional<int64_t> approved) {
  if (IsHidden(image.state)) return false;
  if (finding.by == DecidedBy::kBlockList) return !approved || finding.hash_version > *approved;
  return !approved && image.state != ImageState::kReady;
}

void Touch(Image& image, absl::Time now) {
  image.update_time = StoredTime(now);
  ++image.revision;
}

// `image` is as before but for its revision.
Moderated Apply(Image& image, const Finding& finding, absl::Time now) {
  Decision decision{.id = NewUuidV7(now),
                    .image_id = image.id,
                    .image_owner = image.owner,
                    .time = StoredTime(now),
                    .by = finding.by,
                    .from = image.state,
                    .to = finding.to,
                    .reason = CleanReason(finding.reason),
                    .hash = finding.hash,
                    .distance = finding.distance,
                    .labels = finding.labels,
                    .revision = image.revision};
  image.state = finding.to;
  image.failure_reason = decision.reason;
  return {.event = EventOf(finding.to), .decision = std::move(decision)};
}

}  // namespace

Moderated BecomeProcessed(Image& image, const ProcessingResult& result,
                          std::optional<int64_t> approved, absl::Time now) {
  image.facts = result.facts;
  if (image.facts.taken_time) image.facts.taken_time = StoredTime(*image.facts.taken_time);
  for (const auto& [name, text] : result.analysis) image.analysis[name] = text;
  image.renditions = result.renditions;
  image.work_plan = result.work_plan;
  Touch(image, now);
  if (IsHidden(image.state)) return {.event = kImageUpdated};
  if (result.finding && Counts(*result.finding, image, approved)) {
    return Apply(image, *result.finding, now);
  }
  image.state = ImageState::kReady;
  image.failure_reason.clear();
  return {.event = kImageReady};
}

Moderated BecomeFlagged(Image& image, const Finding& finding, std::optional<int64_t> approved,
                        absl::Time now) {
  if (image.state != ImageState::kReady || !Counts(finding, image, approved)) return {};
  Touch(image, now);
  return Apply(image, finding, now);
}

absl::StatusOr<Moderated> BecomeDecided(Image& image, const DecisionRequest& request,
                                        absl::Time now) {
  if (request.if_revision != 0 && request.if_revision != image.revision) {
    const std::string current = std::to_string(image.revision);
    return MakeStatus(absl::StatusCode::kAborted,
                      "the image has revision " + current + ", not " +
                          std::to_string(request.if_revision) + "; look at it and decide anew",
                      {.reason = "REVISION_MISMATCH", .metadata = {{"current_revision", current}}});
  }
  if (image.state != ImageState::kReady && !IsHidden(image.state)) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the image is not processed, so there is nothing to decide about",
                      {.reason = "IMAGE_NOT_PROCESSED"});
  }
  if (image.state == request.to && request.to != ImageState::kReady) return Moderated();
  Decision decision{.id = NewUuidV7(now),
                    .image_id = image.id,
                    .image_owner = image.owner,
                    .time = StoredTime(now),
                    .by = DecidedBy::kPerson,
                    .who = request.who,
                    .from = image.state,
                    .to = request.to,
                    .reason = request.reason};
  const bool changed = image.state != request.to;
  if (changed) {
    image.state = request.to;
    image.failure_reason = request.to == ImageState::kReady ? "" : request.reason;
    Touch(image, now);
  }
  decision.revision = image.revision;
  return Moderated{.event = changed ? EventOf(request.to) : nullptr,
                   .decision = std::move(decision)};
}

BlockedHash StoredHash(const BlockedHash& hash, int64_t version) {
  BlockedHash stored = hash;
  stored.create_time = StoredTime(hash.create_time);
  stored.version = version;
  return stored;
}

bool IsSameHash(const BlockedHash& there, const BlockedHash& wanted) {
  return there.threshold == wanted.threshold && there.label == wanted.label &&
         there.note == wanted.note;
}

bool MatchesMore(const BlockedHash& there, const BlockedHash& wanted) {
  return wanted.threshold > there.threshold;
}

absl::Status BlockListChanged(int64_t checked, int64_t current) {
  return MakeStatus(absl::StatusCode::kAborted,
                    absl::StrCat("the image was checked against version ", checked,
                                 " of the block list, which is at version ", current, " by now"),
                    {.reason = kBlockListChanged});
}

absl::Status SweepMoved() {
  return MakeStatus(absl::StatusCode::kAborted, "another api moved the sweep",
                    {.reason = "SWEEP_MOVED"});
}

absl::Status TooManyHashes(int limit) {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    absl::StrCat("the block list would hold more than ", limit,
                                 " hashes, which is the limit (moderation.max_hashes)"),
                    {.reason = "TOO_MANY_HASHES", .metadata = {{"limit", absl::StrCat(limit)}}});
}

}  // namespace stockroom::api
