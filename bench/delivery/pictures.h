// The photographs in a cluster, and what is asked of them: the same of both sides.
#pragma once

#include <string>
#include <vector>

#include "bench/common/corpus.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {

struct Picture {
  size_t photo = 0;  // its place among the photographs
  int width = 0;
  std::string format;  // jpg or webp
};

// Whole HTTP requests.
std::string AskStockroom(const std::string& id, const Picture& picture);
std::string AskSharp(const Picture& picture);
std::string PathAtStockroom(const std::string& id, const Picture& picture);

// Uploads them, waits until they are READY, and returns their ids.
std::vector<std::string> Upload(testing::Cluster& cluster, const std::vector<Photo>& photos);

// Widths of 720, 512 and 320 pixels less `step`, as JPEG and WebP, of each photograph. Each step
// gives pictures that no other step gives.
std::vector<Picture> DistinctPictures(size_t photos, int step);
inline constexpr int kMostSteps = 190;  // the widths of two sizes would meet

}  // namespace stockroom::bench
