// One rendition from a rung or from the original: fetch, wait for a slot, decode.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/imageproc/core/admission.h"
#include "services/imageproc/core/decoder.h"
#include "services/imageproc/core/render_plan.h"

namespace stockroom::imageproc {

struct MadeRendition {
  internal::RenditionMade made;  // with its digest
  std::shared_ptr<const std::string> bytes;
};

struct RenderResult {
  MadeRendition rendition;
  // A rung that was lost and was made again beside it.
  std::optional<MadeRendition> rung;
};

struct RenderLimits {
  int64_t max_original_bytes = int64_t{256} << 20;
  int64_t max_pixels = 100'000'000;
  int64_t max_rendition_bytes = int64_t{64} << 20;
  bool allow_svg = false;
};

// Thread-safe. Metrics: stockroom_renders_made_total (label source: rung, original),
// stockroom_rungs_lost_total, stockroom_render_seconds (label step: fetch, decode).
class RenditionMaker {
 public:
  using Ticket = std::unique_ptr<Admission::Ticket>;

  RenditionMaker(const RenderLimits& limits, BlobClient& blobs, Decoder& decoder,
                 Admission& admission, Metrics& metrics);

  // The place in the line. Never blocks. RESOURCE_EXHAUSTED (WORKER_BUSY), OUT_OF_RANGE
  // (TOO_LARGE: the original is larger than this worker takes).
  absl::StatusOr<Ticket> Admit(const RenderPlan& plan);

  // Blocks at most until the context's deadline. Errors as in internal/render.proto.
  absl::StatusOr<RenderResult> Make(const CallContext& context, const RenderPlan& plan,
                                    Ticket ticket);

 private:
  absl::StatusOr<Ticket> AdmitOriginal(const RenderPlan& plan);
  // nullopt: the rung is lost, damaged, or nothing can be made of it; take the original.
  std::optional<absl::StatusOr<RenderResult>> FromRung(const CallContext& context,
                                                       const RenderPlan& plan,
                                                       Admission::Ticket& ticket);
  absl::StatusOr<RenderResult> FromOriginal(const CallContext& context, const RenderPlan& plan,
                                            Admission::Ticket& ticket);
  absl::StatusOr<RenderResult> Decode(const CallContext& context, const RenderPlan& plan,
                                      const internal::DecodeRequest& request, DecoderInput input);
  internal::DecodeRequest RequestFor(const RenderPlan& plan) const;

  const RenderLimits limits_;
  BlobClient& blobs_;
  Decoder& decoder_;
  Admission& admission_;
  Counter& from_rung_;
  Counter& from_original_;
  Counter& rungs_lost_;
  Histogram& fetch_seconds_;
  Histogram& decode_seconds_;
};

}  // namespace stockroom::imageproc
