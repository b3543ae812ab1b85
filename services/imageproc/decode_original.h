// What a decoder does with one source: one decode, every rendition, every processor.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "services/imageproc/processors/processor.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

struct DecodeAnswer {
  internal::DecodeReply reply;
  // Renditions, then rungs, one after the other as reply.image says.
  std::string renditions;
};

// Requires InitVips. `watermarks`: the pictures of request.watermarks, in their order. Without
// request.analyse `processors` are not run. Leaves nothing behind in libvips' error buffer.
DecodeAnswer DecodeOriginal(const internal::DecodeRequest& request, std::string_view source,
                            std::span<const std::string_view> watermarks,
                            std::span<const Processor> processors);

// What this program is and serves. Requires InitVips.
internal::Engine DescribeEngine(std::string_view program);

}  // namespace stockroom::imageproc
