#include "bench/common/corpus.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/common/peer.h"

namespace stockroom::bench {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string path;
};

// From the frame header; leaves both 0 if there is none.
void ReadSize(Photo& photo) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(photo.bytes[i]); };
  size_t i = 2;
  while (i + 9 < photo.bytes.size() && at(i) == 0xFF) {
    const int marker = at(i + 1);
    const bool frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      photo.height = at(i + 5) << 8 | at(i + 6);
      photo.width = at(i + 7) << 8 | at(i + 8);
      return;
    }
    i += 2 + (size_t{at(i + 2)} << 8 | at(i + 3));
  }
}

}  // namespace

const std::string& ScratchFolder() {
  static const Scratch scratch;
  return scratch.path;
}

std::vector<Photo> ReadPhotos(const std::string& folder, double least, double most) {
  std::vector<Photo> photos;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".jpg" && extension != ".jpeg") continue;
    Photo photo;
    photo.path = fs::absolute(entry.path()).string();
    std::stringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    photo.bytes = bytes.str();
    ReadSize(photo);
    if (photo.megapixels() >= least && photo.megapixels() <= most) {
      photos.push_back(std::move(photo));
    }
  }
  std::sort(photos.begin(), photos.end(),
            [](const Photo& a, const Photo& b) { return a.path < b.path; });
  return photos;
}

std::vector<Photo> PhotosOrGenerated(const std::string& folder, double least, double most,
                                     int count) {
  std::string from = folder;
  if (from.empty()) {
    from = ScratchFolder() + "/photos";
    fs::create_directory(from);
    Peer("batch.mjs", {}, 2)
        .Ask({{"op", "generate"},
              {"folder", from},
              {"count", count},
              {"width", 4032},
              {"height", 3024}});
    least = 0;
    most = 100;
  }
  std::vector<Photo> photos = ReadPhotos(from, least, most);
  if (photos.empty()) {
    std::fprintf(stderr, "no JPEGs of %.0f to %.0f megapixels in %s\n", least, most, from.c_str());
    std::exit(2);
  }
  return photos;
}

}  // namespace stockroom::bench
