// The one who decodes, as the rest of the worker sees it: somebody disposable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "stockroom/internal/decoder.pb.h"
#include "stockroom/internal/work.pb.h"

namespace stockroom::imageproc {

struct DecoderInput {
  std::string_view source;
  // Pictures of request.watermarks, in their order.
  std::vector<std::string_view> watermarks;
  // The source is a rung that Stockroom itself encoded: a lasting process may serve it. Everything
  // else gets a process of its own that ends after it.
  bool own_rung = false;
};

struct DecodedImage {
  internal::ProcessedImage image;       // without digests
  std::vector<std::string> renditions;  // bytes, in the order of image.renditions
  std::vector<std::string> rungs;       // bytes, in the order of image.rungs
};

// Thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Blocks: waits for a free decoder, then for its work. Both end at the context's deadline and
  // when it is cancelled; a decoder at work is then killed. Errors: INVALID_ARGUMENT (the image is
  // at fault), OUT_OF_RANGE (it breaks a limit), ABORTED (the decoder died or sent nonsense),
  // DEADLINE_EXCEEDED (it was killed for taking too long), CANCELLED, UNAVAILABLE (no decoder can
  // be started, or shutting down), INTERNAL (the decoder's own fault).
  virtual absl::StatusOr<DecodedImage> Decode(const CallContext& context,
                                              const internal::DecodeRequest& request,
                                              const DecoderInput& input) = 0;

  // The programs behind it, for WorkerHello.
  virtual std::vector<internal::Engine> Engines() = 0;
};

}  // namespace stockroom::imageproc
