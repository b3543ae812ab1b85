// A decoder has held untrusted bytes, so what it says is untrusted too.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "services/imageproc/core/decoder.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

// Largest memory file of renditions that is looked at.
inline constexpr int64_t kMaxRenditionBytes = int64_t{256} << 20;

// What the reply says, as Decoder::Decode returns it. ABORTED if anything in it is not what this
// request can give: a missing, extra or wrongly addressed rendition, sizes that do not add up,
// facts out of range, analysis that is not small JSON objects.
absl::StatusOr<DecodedImage> CheckReply(const internal::DecodeRequest& request,
                                        internal::DecodeReply reply, std::string_view renditions);

}  // namespace stockroom::imageproc
