// The PDQ hash of a plane of luminance, as published: hashing.pdf in github.com/facebook/
// ThreatExchange, 2019.
#pragma once

#include <vector>

#include "services/common/media/pdq.h"

namespace stockroom::imageproc {

struct PdqWithQuality {
  Pdq hash;
  // 0 to 100: how much there is to see. Hashes below 50 are not worth comparing, say its authors.
  int quality = 0;
};

// `luminance`: width * height values from 0 to 255, row by row; longest side at most 512 by
// convention. All zero when a side is below 5.
PdqWithQuality HashPdq(std::vector<float> luminance, int width, int height);

}  // namespace stockroom::imageproc
