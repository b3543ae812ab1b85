// The one who decodes, as the job runner sees it: somebody disposable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

struct DecodedImage {
  internal::ProcessedImage image;       // without digests
  std::vector<std::string> renditions;  // bytes, in the order of image.renditions
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
                                              std::string_view original) = 0;
};

}  // namespace stockroom::imageproc
