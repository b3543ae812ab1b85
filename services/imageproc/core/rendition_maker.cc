#include "services/imageproc/core/rendition_maker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/imageproc/core/step_timer.h"

namespace stockroom::imageproc {
namespace {

Counter& MadeCounter(Metrics& metrics, const char* source) {
  return metrics.GetCounter("stockroom_renders_made_total", "Renditions made on demand.",
                            {{"source", source}});
}

Histogram& StepHistogram(Metrics& metrics, const char* step) {
  return metrics.GetHistogram("stockroom_render_seconds", "Time of a render's steps.",
                              Histogram::LatencyBounds(), {{"step", step}});
}

absl::Status WithReason(const absl::Status& status, absl::StatusCode code, const char* reason) {
  return MakeStatus(code, std::string(status.message()), {.reason = reason});
}

absl::Status FetchFailure(const CallContext& context, const absl::Status& status) {
  SR_RETURN_IF_ERROR(context.Check());
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return WithReason(status, status.code(), "ORIGINAL_GONE");
    case absl::StatusCode::kOutOfRange:
      return WithReason(status, status.code(), "TOO_LARGE");
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return status;
    default:
      // Other workers have the same file server: see GrpcRenderer.
      return MakeStatus(absl::StatusCode::kUnavailable,
                        absl::StrCat("fetching the original: ", status.message()),
                        {.reason = "STORE_UNAVAILABLE", .retry_after = absl::Seconds(1)});
  }
}

absl::Status DecodeFailure(const CallContext& context, const absl::Status& status) {
  if (context.cancellation->cancelled()) return absl::CancelledError("nobody waits for it");
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return WithReason(status, status.code(), "BAD_IMAGE");
    case absl::StatusCode::kOutOfRange:
      return WithReason(status, status.code(), "TOO_LARGE");
    case absl::StatusCode::kAborted:
      return WithReason(status, status.code(), "DECODER_DIED");
    case absl::StatusCode::kUnavailable:
      return WithReason(status, status.code(), "NO_DECODER");
    default:
      return status;
  }
}

// Whether the original may do better than this rung did. A busy worker, a caller who left and a
// file server that is away are not the rung's fault.
bool IsRungsFault(const CallContext& context, const absl::Status& status) {
  if (!context.Check().ok()) return false;
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
      return true;
    default:
      return false;
  }
}

MadeRendition Taken(internal::RenditionMade made, std::string bytes) {
  made.clear_preset();
  made.set_sha256(std::string(Digest::Of(bytes).bytes()));
  return {std::move(made), std::make_shared<const std::string>(std::move(bytes))};
}

}  // namespace

RenditionMaker::RenditionMaker(const RenderLimits& limits, BlobClient& blobs, Decoder& decoder,
                               Admission& admission, Metrics& metrics)
    : limits_(limits),
      blobs_(blobs),
      decoder_(decoder),
      admission_(admission),
      from_rung_(MadeCounter(metrics, "rung")),
      from_original_(MadeCounter(metrics, "original")),
      rungs_lost_(
          metrics.GetCounter("stockroom_rungs_lost_total",
                             "Rungs that were not there or of no use when a render wanted them.")),
      fetch_seconds_(StepHistogram(metrics, "fetch")),
      decode_seconds_(StepHistogram(metrics, "decode")) {}

absl::StatusOr<RenditionMaker::Ticket> RenditionMaker::Admit(const RenderPlan& plan) {
  if (!plan.rung) return AdmitOriginal(plan);
  const RenderCost cost = plan.CostFromRung();
  const int64_t rung_bytes = int64_t{plan.rung->size.width} * plan.rung->size.height / 2;
  return admission_.Enter(cost, rung_bytes, WorkClass::kInteractive);
}

absl::StatusOr<RenditionMaker::Ticket> RenditionMaker::AdmitOriginal(const RenderPlan& plan) {
  if (plan.traits.bytes > limits_.max_original_bytes) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        absl::StrCat("The file has ", plan.traits.bytes, " bytes; a worker takes at most ",
                     limits_.max_original_bytes, "."),
        {.reason = "TOO_LARGE"});
  }
  return admission_.Enter(plan.CostFromOriginal(), plan.traits.bytes, WorkClass::kInteractive);
}

absl::StatusOr<RenderResult> RenditionMaker::Make(const CallContext& context,
                                                  const RenderPlan& plan, Ticket ticket) {
  if (!plan.rung) return FromOriginal(context, plan, *ticket);
  auto made = FromRung(context, plan, *ticket);
  if (made) return *std::move(made);
  rungs_lost_.Add();
  // A place of its own: this costs more than what was admitted.
  ticket.reset();
  SR_ASSIGN_OR_RETURN(ticket, AdmitOriginal(plan));
  return FromOriginal(context, plan, *ticket);
}

internal::DecodeRequest RenditionMaker::RequestFor(const RenderPlan& plan) const {
  internal::DecodeRequest request;
  internal::NamedRecipe& wanted = *request.add_presets();
  wanted.set_preset("rendition");
  wanted.set_recipe(plan.recipe);
  request.set_max_pixels(plan.max_pixels > 0 ? std::min(plan.max_pixels, limits_.max_pixels)
                                             : limits_.max_pixels);
  request.set_allow_svg(limits_.allow_svg);
  for (const internal::Watermark& mark : plan.marks) request.add_watermarks(mark.name());
  return request;
}

std::optional<absl::StatusOr<RenderResult>> RenditionMaker::FromRung(const CallContext& context,
                                                                     const RenderPlan& plan,
                                                                     Admission::Ticket& ticket) {
  absl::StatusOr<std::string> bytes;
  {
    const StepTimer timer(fetch_seconds_);
    bytes = ReadRendition(blobs_, context, {plan.original, plan.rung->key},
                          limits_.max_rendition_bytes);
  }
  if (!bytes.ok()) {
    if (IsRungsFault(context, bytes.status())) return std::nullopt;
    return FetchFailure(context, bytes.status());
  }
  const absl::Status turn = ticket.AwaitSlot(context);
  if (!turn.ok()) return turn;
  internal::DecodeRequest request = RequestFor(plan);
  request.set_original_width(plan.traits.size.width);
  request.set_original_height(plan.traits.size.height);
  auto made = Decode(context, plan, request, {.source = *bytes, .own_rung = true});
  if (!made.ok() && IsRungsFault(context, made.status())) {
    LogWarning(
        "a rung is of no use",
        {{"original", plan.original.hex()}, {"rung", plan.rung->key}, {"error", made.status()}},
        context.request_id);
    return std::nullopt;
  }
  if (made.ok()) from_rung_.Add();
  return made;
}

absl::StatusOr<RenderResult> RenditionMaker::FromOriginal(const CallContext& context,
                                                          const RenderPlan& plan,
                                                          Admission::Ticket& ticket) {
  // No more than what was admitted.
  const int64_t most = plan.traits.bytes > 0 ? plan.traits.bytes : limits_.max_original_bytes;
  absl::StatusOr<std::string> bytes;
  {
    const StepTimer timer(fetch_seconds_);
    bytes = ReadBlob(blobs_, context, plan.original, most);
  }
  if (!bytes.ok()) return FetchFailure(context, bytes.status());
  SR_RETURN_IF_ERROR(ticket.AwaitSlot(context));
  internal::DecodeRequest request = RequestFor(plan);
  if (plan.rung) {
    internal::NamedRecipe& rung = *request.add_presets();
    rung.set_preset("rung");
    rung.set_recipe(CanonicalText(plan.rung->recipe));
  }
  auto made = Decode(context, plan, request, {.source = *bytes});
  if (made.ok()) from_original_.Add();
  return made;
}

absl::StatusOr<RenderResult> RenditionMaker::Decode(const CallContext& context,
                                                    const RenderPlan& plan,
                                                    const internal::DecodeRequest& request,
                                                    DecoderInput input) {
  for (const internal::Watermark& mark : plan.marks) input.watermarks.push_back(mark.picture());
  absl::StatusOr<DecodedImage> decoded;
  {
    const StepTimer timer(decode_seconds_);
    decoded = decoder_.Decode(context, request, input);
  }
  if (!decoded.ok()) return DecodeFailure(context, decoded.status());
  RenderResult result;
  result.rendition = Taken(decoded->image.renditions(0), std::move(decoded->renditions[0]));
  const auto size = static_cast<int64_t>(result.rendition.bytes->size());
  if (size > limits_.max_rendition_bytes) {
    return MakeStatus(absl::StatusCode::kOutOfRange,
                      absl::StrCat("The result has ", size, " bytes, more than the ",
                                   limits_.max_rendition_bytes, " that are allowed."),
                      {.reason = "TOO_LARGE"});
  }
  if (request.presets_size() > 1) {
    result.rung = Taken(decoded->image.renditions(1), std::move(decoded->renditions[1]));
  }
  return result;
}

}  // namespace stockroom::imageproc
