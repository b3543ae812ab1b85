// What a decoder does with one original: one decode, every rendition, every processor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/imageproc/processors/processor.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

struct DecodeAnswer {
  internal::DecodeReply reply;
  std::string renditions;  // one after the other, as reply.image.renditions say
};

// Requires InitVips. Leaves nothing behind in libvips' error buffer.
DecodeAnswer DecodeOriginal(const internal::DecodeRequest& request, std::string_view original,
                            std::span<const Processor> processors);

}  // namespace stockroom::imageproc
