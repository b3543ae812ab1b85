// Decoder processes without the rest of a worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "services/imageproc/sandbox/decoder_pool.h"

namespace stockroom::bench {

// The renditions that benchmarks of ingest and of the engine make of each upload.
inline constexpr int kThumbSides[] = {720, 320, 150};
inline constexpr int kThumbQuality = 80;
inline constexpr int kRungSide = 1440;
inline constexpr int kRungQuality = 90;

// Ends the program if a decode fails: nothing would be measured.
class Decoders {
 public:
  explicit Decoders(int at_once);

  // What ingest asks for, of a process of its own: rung, thumbnails, analysis.
  imageproc::DecodedImage Ingest(std::string_view photo);
  // One rendition of an original, of a process of its own.
  std::string OfOriginal(std::string_view photo, const std::string& recipe);
  // Of a rung of an original of that size, in a lasting process.
  std::string OfRung(std::string_view rung, int width, int height, const std::string& recipe);

  imageproc::DecoderPool& pool() { return *pool_; }

 private:
  imageproc::DecodedImage Decode(const internal::DecodeRequest& request, std::string_view bytes,
                                 bool own_rung);
  Metrics metrics_;
  std::unique_ptr<imageproc::DecoderPool> pool_;
};

}  // namespace stockroom::bench
