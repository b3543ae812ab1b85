#include "services/api/metadata/transitions.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

absl::Status CheckText(std::string_view field, std::string_view text) {
  if (IsCleanUtf8(text)) return absl::OkStatus();
  return MakeStatus(
      absl::StatusCode::kInvalidArgument,
      std::string(field) + " is not valid UTF-8 text without NUL",
      {.reason = "INVALID_TEXT", .violations = {{std::string(field), "expected UTF-8"}}});
}

absl::Status CheckPairs(std::string_view field, const std::map<std::string, std::string>& pairs) {
  for (const auto& [key, value] : pairs) {
    SR_RETURN_IF_ERROR(CheckText(field, key));
    SR_RETURN_IF_ERROR(CheckText(field, value));
  }
  return absl::OkStatus();
}

absl::Status CheckRenditions(const std::vector<Rendition>& renditions) {
  for (const Rendition& r : renditions) {
    for (const std::string* text : {&r.preset, &r.recipe, &r.key, &r.format, &r.media_type}) {
      SR_RETURN_IF_ERROR(CheckText("renditions", *text));
    }
  }
  return absl::OkStatus();
}

void Touch(Image& image, absl::Time now) {
  image.update_time = StoredTime(now);
  ++image.revision;
}

}  // namespace

// Decoder messages may quote bytes of the file. Losing such a message would lose the failure
// itself.
std::string CleanReason(std::string_view reason) {
  if (IsCleanUtf8(reason)) return std::string(reason);
  std::string clean;
  for (const char c : reason) {
    const auto byte = static_cast<unsigned char>(c);
    clean += byte >= 0x20 && byte < 0x7f ? c : '?';
  }
  return clean;
}

absl::Time StoredTime(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

absl::Status CheckStorable(const Image& image) {
  SR_RETURN_IF_ERROR(CheckText("id", image.id));
  SR_RETURN_IF_ERROR(CheckText("owner", image.owner));
  SR_RETURN_IF_ERROR(CheckText("title", image.described.title));
  SR_RETURN_IF_ERROR(CheckText("description", image.described.description));
  SR_RETURN_IF_ERROR(CheckText("license", image.described.license));
  SR_RETURN_IF_ERROR(CheckText("filename", image.filename));
  for (const std::string& tag : image.described.tags) {
    SR_RETURN_IF_ERROR(CheckText("tags", tag));
  }
  SR_RETURN_IF_ERROR(CheckPairs("attributes", image.described.attributes));
  return CheckPairs("analysis", image.analysis);
}

absl::Status CheckStorable(const ProcessingResult& result) {
  SR_RETURN_IF_ERROR(CheckText("format", result.facts.format));
  SR_RETURN_IF_ERROR(CheckText("media_type", result.facts.media_type));
  SR_RETURN_IF_ERROR(CheckText("work_plan", result.work_plan));
  SR_RETURN_IF_ERROR(CheckPairs("analysis", result.analysis));
  return CheckRenditions(result.renditions);
}

Image CreatedFrom(const NewImage& created, absl::Time now) {
  Image image;
  image.id = created.id;
  image.owner = created.owner;
  image.described = created.described;
  image.filename = created.filename;
  image.state = ImageState::kPending;
  image.sha256 = created.sha256;
  image.md5 = created.md5;
  image.size_bytes = created.size_bytes;
  image.create_time = StoredTime(now);
  image.update_time = image.create_time;
  image.revision = 1;
  return image;
}

Image RestoredFrom(const Image& archived) {
  Image image = archived;
  if (image.state == ImageState::kProcessing) image.state = ImageState::kPending;
  image.create_time = StoredTime(image.create_time);
  image.update_time = StoredTime(image.update_time);
  if (image.facts.taken_time) image.facts.taken_time = StoredTime(*image.facts.taken_time);
  return image;
}

absl::Status CheckArchived(std::span<const ArchivedImage> images) {
  for (const ArchivedImage& archived : images) {
    const Image& image = archived.image;
    SR_RETURN_IF_ERROR(CheckStorable(image));
    if (image.id.empty() || image.id.size() > 36 || image.revision < 1 ||
        image.sha256 == Digest() || image.state < ImageState::kPending ||
        image.state > ImageState::kFailed) {
      return InvalidField("images", "one is none that a backup holds: " + image.id);
    }
  }
  return absl::OkStatus();
}

bool WantsNewJob(const Image& image) {
  return image.state == ImageState::kFailed && !image.quarantined;
}

bool BecomeQueued(Image& image, absl::Time now) {
  if (image.state != ImageState::kFailed) return false;
  image.state = ImageState::kPending;
  image.failure_reason.clear();
  image.quarantined = false;
  Touch(image, now);
  return true;
}

bool BecomeLeased(Image& image) {
  if (image.state == ImageState::kReady || image.state == ImageState::kProcessing) return false;
  if (IsHidden(image.state)) return false;
  image.state = ImageState::kProcessing;
  ++image.revision;
  return true;
}

bool BecomeReleased(Image& image) {
  if (image.state != ImageState::kProcessing) return false;
  image.state = ImageState::kPending;
  ++image.revision;
  return true;
}

bool BecomeFailed(Image& image, FailKind kind, std::string_view reason, absl::Time now) {
  if (image.state == ImageState::kReady || IsHidden(image.state)) return false;
  image.state = ImageState::kFailed;
  image.quarantined = kind == FailKind::kQuarantined;
  image.failure_reason = CleanReason(reason);
  Touch(image, now);
  return true;
}

std::string NewJobId(JobPriority priority, absl::Time now) {
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(now)));
  return absl::StrCat(static_cast<int>(priority), "-", absl::Hex(micros, absl::kZeroPad16), "-",
                      NewRandomId());
}

JobPriority PriorityOf(std::string_view job_id) {
  return job_id.starts_with('0') ? JobPriority::kInteractive : JobPriority::kBackground;
}

void CountRelease(Job& job, ReleaseKind kind) {
  if (kind == ReleaseKind::kNotBegun) --job.attempt;
  if (kind == ReleaseKind::kDecoderDied) ++job.decoder_deaths;
  if (kind == ReleaseKind::kWorkerLost) ++job.worker_losses;
}

int64_t NewReservationToken() {
  thread_local absl::BitGen random;
  return absl::Uniform<int64_t>(absl::IntervalClosed, random, 1,
                                std::numeric_limits<int64_t>::max());
}

absl::StatusOr<bool> ApplyEdit(Image& image, absl::Time now,
                               const std::function<absl::Status(Image&)>& edit) {
  Image edited = image;
  SR_RETURN_IF_ERROR(edit(edited));
  if (edited.described == image.described && edited.analysis == image.analysis) return false;
  Image next = image;
  next.described = std::move(edited.described);
  next.analysis = std::move(edited.analysis);
  SR_RETURN_IF_ERROR(CheckStorable(next));
  Touch(next, now);
  image = std::move(next);
  return true;
}

absl::Status KeyLost(std::string_view key) {
  return MakeStatus(absl::StatusCode::kAborted,
                    "the reservation of the idempotency key ran out before the work was done; "
                    "send the request again",
                    {.reason = "IDEMPOTENCY_KEY_LOST", .metadata = {{"key", std::string(key)}}});
}

absl::Status FeedTrimmed(int64_t position, int64_t trimmed) {
  return MakeStatus(absl::StatusCode::kOutOfRange,
                    absl::StrCat("events up to position ", trimmed,
                                 " are forgotten, so nothing can follow position ", position,
                                 " any more; start anew from what is there now"),
                    {.reason = kFeedTrimmed, .metadata = {{"trimmed", absl::StrCat(trimmed)}}});
}

absl::Status LeaseLost(const JobRef& job) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the lease of job " + job.id + " is not held any more",
                    {.reason = "LEASE_LOST", .metadata = {{"job", job.id}}});
}

absl::Status IdTaken(std::string_view id) {
  return MakeStatus(absl::StatusCode::kAlreadyExists,
                    "there is an image " + std::string(id) + " already", {.reason = "ID_TAKEN"});
}

absl::Status ApiKeyTaken(std::string_view id) {
  return MakeStatus(absl::StatusCode::kAlreadyExists,
                    "there is an API key " + std::string(id) + " already", {.reason = "KEY_TAKEN"});
}

absl::Status TooManyApiKeys(int limit) {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    "there are " + std::to_string(limit) + " API keys already, which is the limit",
                    {.reason = "TOO_MANY_KEYS", .metadata = {{"limit", std::to_string(limit)}}});
}

absl::Status NoSuchApiKey(std::string_view id) {
  return NotFound("KEY_NOT_FOUND", "there is no API key " + std::string(id));
}

}  // namespace stockroom::api
