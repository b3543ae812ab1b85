#include "services/imageproc/core/job_runner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/imageproc/core/step_timer.h"

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

// What an original costs is not known before it is decoded, only its length is: a guess for
// photographs, good enough to tell small from large.
RenderCost PredictJob(int64_t bytes) {
  constexpr double kMsPerByte = 100.0 / (1 << 20);
  constexpr int64_t kUsualMemory = int64_t{150} << 20;
  return {.cpu_ms = 50 + kMsPerByte * static_cast<double>(bytes),
          .memory_bytes = kUsualMemory + bytes};
}

Histogram& StepHistogram(Metrics& metrics, const char* step) {
  return metrics.GetHistogram("stockroom_job_seconds", "Time of a job's steps.",
                              Histogram::LatencyBounds(), {{"step", step}});
}

}  // namespace

JobRunner::JobRunner(BlobClient& blobs, Decoder& decoder, Admission& admission,
                     const JobLimits& limits, Metrics& metrics)
    : blobs_(blobs),
      decoder_(decoder),
      admission_(admission),
      limits_(limits),
      metrics_(metrics),
      fetch_seconds_(StepHistogram(metrics, "fetch")),
      wait_seconds_(StepHistogram(metrics, "wait")),
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

  auto decoded = Decode(context, job, *bytes);
  if (!decoded.ok()) return DecodeFailure(context, decoded.status());
  bytes->clear();
  bytes->shrink_to_fit();
  internal::ProcessedImage& image = decoded->image;
  const StepTimer timer(store_seconds_);
  absl::Status stored = Store(context, *original, decoded->renditions, *image.mutable_renditions());
  if (stored.ok()) stored = Store(context, *original, decoded->rungs, *image.mutable_rungs());
  if (!stored.ok()) return Circumstance(context, stored, "storing the renditions");
  JobResult done;
  done.set_outcome(JobResult::DONE);
  *done.mutable_image() = std::move(image);
  return done;
}

absl::StatusOr<DecodedImage> JobRunner::Decode(const CallContext& context, const WorkJob& job,
                                               std::string_view original) {
  internal::DecodeRequest request;
  *request.mutable_presets() = job.presets();
  *request.mutable_ladder() = job.ladder();
  request.set_analyse(true);
  request.set_allow_svg(limits_.allow_svg);
  const int64_t asked = job.max_pixels();
  request.set_max_pixels(asked > 0 ? std::min(asked, limits_.max_pixels) : limits_.max_pixels);
  DecoderInput input{.source = original};
  for (const internal::Watermark& mark : job.watermarks()) {
    request.add_watermarks(mark.name());
    input.watermarks.push_back(mark.picture());
  }
  const auto size = static_cast<int64_t>(original.size());
  SR_ASSIGN_OR_RETURN(const auto ticket, admission_.Enter(PredictJob(size), size, WorkClass::kJob));
  {
    const StepTimer timer(wait_seconds_);
    const absl::Status turn = ticket->AwaitSlot(context);
    // It waited for others: the image killed nobody.
    if (absl::IsDeadlineExceeded(turn)) return Unavailable("WORKER_BUSY", "no CPU slot in time");
    SR_RETURN_IF_ERROR(turn);
  }
  const StepTimer timer(decode_seconds_);
  return decoder_.Decode(context, request, input);
}

absl::Status JobRunner::Store(const CallContext& context, const Digest& original,
                              const std::vector<std::string>& bytes,
                              google::protobuf::RepeatedPtrField<internal::RenditionMade>& made) {
  for (int i = 0; i < made.size(); ++i) {
    const std::string& content = bytes[static_cast<size_t>(i)];
    SR_RETURN_IF_ERROR(
        WriteRendition(blobs_, context, {original, made[i].key()}, content).status());
    made[i].set_sha256(std::string(Digest::Of(content).bytes()));
  }
  return absl::OkStatus();
}

}  // namespace stockroom::imageproc
