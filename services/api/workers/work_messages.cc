#include "services/api/workers/work_messages.h"

#include <algorithm>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::StatusOr<ProcessingResult> FromImage(const internal::ProcessedImage& image) {
  ProcessingResult result;
  const internal::ImageFacts& facts = image.facts();
  if (facts.width() <= 0 || facts.height() <= 0) {
    return absl::InternalError("the worker sent a result without dimensions");
  }
  result.facts = {.width = facts.width(),
                  .height = facts.height(),
                  .format = facts.format(),
                  .media_type = facts.media_type(),
                  .frames = facts.frames()};
  if (facts.has_taken_time()) {
    result.facts.taken_time = absl::FromUnixSeconds(facts.taken_time().seconds());
  }
  result.analysis.insert(image.analysis().begin(), image.analysis().end());
  for (const internal::RenditionMade& made : image.renditions()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(made.sha256()));
    result.renditions.push_back({.preset = made.preset(),
                                 .recipe = made.recipe(),
                                 .key = made.key(),
                                 .format = made.format(),
                                 .media_type = made.media_type(),
                                 .width = made.width(),
                                 .height = made.height(),
                                 .size_bytes = made.size_bytes(),
                                 .sha256 = digest});
  }
  // Rungs are found by their address whenever they are wanted: nobody lists them. One that makes
  // no sense tells of a worker that can not be believed.
  for (const internal::RenditionMade& rung : image.rungs()) {
    SR_RETURN_IF_ERROR(Digest::FromBytes(rung.sha256()).status());
    if (rung.width() < 1 || rung.height() < 1 || rung.size_bytes() < 1 || rung.key().empty()) {
      return absl::InternalError("the worker sent a rung that makes no sense");
    }
  }
  return result;
}

WorkOutcome::Kind KindOf(internal::JobResult::Outcome outcome) {
  switch (outcome) {
    case internal::JobResult::DONE:
      return WorkOutcome::Kind::kDone;
    case internal::JobResult::BAD_IMAGE:
      return WorkOutcome::Kind::kBadImage;
    case internal::JobResult::DECODER_DIED:
      return WorkOutcome::Kind::kDecoderDied;
    case internal::JobResult::REFUSED:
      return WorkOutcome::Kind::kNotBegun;
    default:
      return WorkOutcome::Kind::kRetry;
  }
}

}  // namespace

internal::Watermark ToWatermark(const WatermarkPicture& mark) {
  internal::Watermark out;
  out.set_name(mark.name);
  out.set_picture(mark.bytes);
  return out;
}

std::vector<WorkerEngine> FromEngines(const internal::WorkerHello& hello) {
  // A worker has one or two; more are somebody's mistake.
  constexpr int kMostEngines = 8;
  std::vector<WorkerEngine> engines;
  for (int i = 0; i < std::min(kMostEngines, hello.engines_size()); ++i) {
    const internal::Engine& engine = hello.engines(i);
    engines.push_back({.program = engine.program(),
                       .libvips = engine.libvips(),
                       .reads = {engine.reads().begin(), engine.reads().end()},
                       .writes = {engine.writes().begin(), engine.writes().end()}});
  }
  return engines;
}

internal::WorkJob ToJob(const WorkAssignment& work, uint64_t assignment_id, uint64_t credit_id) {
  internal::WorkJob job;
  job.set_assignment_id(assignment_id);
  job.set_credit_id(credit_id);
  job.set_request_id(work.request_id);
  job.set_image_id(work.image_id);
  job.set_original_sha256(std::string(work.original.bytes()));
  job.set_original_size(work.original_size);
  for (const NamedRecipe& preset : work.presets) {
    auto* out = job.add_presets();
    out->set_preset(preset.preset);
    out->set_recipe(preset.recipe);
  }
  for (const int side : work.ladder) job.add_ladder(side);
  for (const WatermarkPicture& mark : work.watermarks) {
    *job.add_watermarks() = ToWatermark(mark);
  }
  job.set_max_pixels(work.max_pixels);
  job.set_deadline_ms(static_cast<int32_t>(absl::ToInt64Milliseconds(work.deadline)));
  return job;
}

WorkOutcome FromResult(const internal::JobResult& result) {
  WorkOutcome outcome{.kind = KindOf(result.outcome()), .message = result.message()};
  if (outcome.kind != WorkOutcome::Kind::kDone) return outcome;
  absl::StatusOr<ProcessingResult> image = FromImage(result.image());
  if (image.ok()) {
    outcome.result = *std::move(image);
  } else {
    outcome = {.kind = WorkOutcome::Kind::kRetry, .message = std::string(image.status().message())};
  }
  return outcome;
}

}  // namespace stockroom::api
