// A decoder has held untrusted bytes, so what it says is untrusted too.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "services/imageproc/core/decoder.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

// A decoder's message. ABORTED: it is none.
absl::StatusOr<internal::DecodeReply> ParseReply(std::string_view message);

// What the reply says, as Decoder::Decode returns it; `bytes` are those of its renditions and then
// its rungs. ABORTED if anything in it is not what this request can give: a missing, extra or
// wrongly addressed rendition, a recipe that is neither the one asked for nor what its `auto` and
// `smart` can become, rungs that an original of these facts does not have, sizes that do not add
// up, facts out of range, analysis that is not small JSON objects. What was not asked for is left
// out.
absl::StatusOr<DecodedImage> CheckReply(const internal::DecodeRequest& request,
                                        internal::DecodeReply reply, std::string_view bytes);

}  // namespace stockroom::imageproc
