// The photographs that benchmarks work on.
#pragma once

#include <string>
#include <vector>

namespace stockroom::bench {

struct Photo {
  std::string path;
  std::string bytes;
  int width = 0;
  int height = 0;
  double megapixels() const { return static_cast<double>(width) * height / 1e6; }
};

// The JPEGs (*.jpg, *.jpeg) of `folder` that have between so many megapixels, by name.
std::vector<Photo> ReadPhotos(const std::string& folder, double least, double most);

// As ReadPhotos; `count` generated ones of 12 megapixels if `folder` is "". They lie in a folder
// that is removed when the program ends. Ends the program if there are none.
std::vector<Photo> PhotosOrGenerated(const std::string& folder, double least, double most,
                                     int count);

// 12 to 14 megapixels, as cameras count.
inline constexpr double kLeastMegapixels = 11.5;
inline constexpr double kMostMegapixels = 14.5;

// A folder that is removed when the program ends.
const std::string& ScratchFolder();

}  // namespace stockroom::bench
