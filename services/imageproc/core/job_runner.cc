#include "services/imageproc/core/job_runner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::imageproc {
namespace {

using internal::JobResult;
using internal::WorkJob;

JobResult Ended(JobResult::Outcome outcome, std::string message) {
  JobResult result;
  result.set_outcome(outcome);
  result.set_message(std::move(message));
  return result;
}

// For what fails outside the decoder: the image is not at fault.
JobResult Circumstance(const CallContext& context, const absl::Status& status,
                       std::string_view doing) {
  if (context.cancellation->cancelled()) return Ended(JobResult::CANCELLED, "cancelled");
  return Ended(JobResult::RETRY, std::string(Annotate(status, doing).message()));
}

JobResult DecodeFailure(const CallContext& context, const absl::Status& status) {
  std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return Ended(JobResult::BAD_IMAGE, std::move(message));
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
      return Ended(JobResult::DECODER_DIED, std::move(message));
    default:
      return Circumstance(context, status, "decoding");
  }
}

class StepTimer {
 public:
  explicit StepTimer(Histogram& histogram) : histogram_(histogram) {}
  ~StepTimer() { histogram_.Observe(absl::ToDoubleSeconds(absl::Now() - began_)); }
  StepTimer(const StepTimer&) = delete;
  StepTimer& operator=(const StepTimer&) = delete;

 private:
  Histogram& histogram_;
  const absl::Time began_ = absl::Now();
};

Histogram& StepHistogram(Metrics& metrics, const char* step) {
  return metrics.GetHistogram("stockroom_job_seconds", "Time of a job's steps.",
                              Histogram::LatencyBounds(), {{"step", step}});
}

}  // namespace

JobRunner::JobRunner(BlobClient& blobs, Decoder& decoder, const JobLimits& limits, Metrics& metrics)
    : blobs_(blobs),
      decoder_(decoder),
      limits_(limits),
      metrics_(metrics),
      fetch_seconds_(StepHistogram(metrics, "fetch")),
      decode_seconds_(StepHistogram(metrics, "decode")),
      store_seconds_(StepHistogram(metrics, "store")),
      all_seconds_(StepHistogram(metrics, "all")) {}

JobResult JobRunner::Run(const CallContext& context, const WorkJob& job) {
  JobResult result;
  {
    const StepTimer timer(all_seconds_);
    result = Attempt(context, job);
  }
  result.set_assignment_id(job.assignment_id());
  const std::string outcome = JobResult::Outcome_Name(result.outcome());
  metrics_.GetCounter("stockroom_jobs_total", "Jobs by outcome.", {{"outcome", outcome}}).Add();
  if (result.outcome() == JobResult::DONE) {
    LogInfo("image processed", {{"image", job.image_id()}, {"trace_id", context.trace.trace_id}},
            context.request_id);
  } else {
    LogWarning("job not done",
               {{"image", job.image_id()}, {"outcome", outcome}, {"message", result.message()}},
               context.request_id);
  }
  return result;
}

JobResult JobRunner::Attempt(const CallContext& context, const WorkJob& job) {
  const auto original = Digest::FromBytes(job.original_sha256());
  if (!original.ok()) return Ended(JobResult::BAD_IMAGE, "the job names no valid digest");
  if (job.original_size() > limits_.max_original_bytes) {
    return Ended(JobResult::BAD_IMAGE,
                 absl::StrCat("The file has ", job.original_size(),
                              " bytes; a worker takes at most ", limits_.max_original_bytes, "."));
  }
  absl::StatusOr<std::string> bytes;
  {
    const StepTimer timer(fetch_seconds_);
    bytes = ReadBlob(blobs_, context, *original, limits_.max_original_bytes);
  }
  if (!bytes.ok()) return Circumstance(context, bytes.status(), "fetching the original");

  internal::DecodeRequest request;
  *request.mutable_presets() = job.presets();
  const int64_t asked = job.max_pixels();
  request.set_max_pixels(asked > 0 ? std::min(asked, limits_.max_pixels) : limits_.max_pixels);
  absl::StatusOr<DecodedImage> decoded;
  {
    const StepTimer timer(decode_seconds_);
    decoded = decoder_.Decode(context, request, *bytes);
  }
  if (!decoded.ok()) return DecodeFailure(context, decoded.status());

  const StepTimer timer(store_seconds_);
  for (int i = 0; i < decoded->image.renditions_size(); ++i) {
    internal::RenditionMade& made = *decoded->image.mutable_renditions(i);
    const auto stored = WriteRendition(blobs_, context, {*original, made.key()},
                                       decoded->renditions[static_cast<size_t>(i)]);
    if (!stored.ok()) {
      return Circumstance(context, stored.status(),
                          absl::StrCat("storing the rendition ", made.preset()));
    }
    // The worker's own digest, not the store's word for it.
    made.set_sha256(std::string(Digest::Of(decoded->renditions[static_cast<size_t>(i)]).bytes()));
  }
  JobResult done;
  done.set_outcome(JobResult::DONE);
  *done.mutable_image() = std::move(decoded->image);
  return done;
}

}  // namespace stockroom::imageproc
