// Random catalogues that come and go: small, with everything that is awkward, the same for the same
// seed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "services/api/domain/image.h"
#include "services/api/search/query/query.h"
#include "tests/support/catalogue.h"

namespace stockroom::api {

using testing::Draws;

template <typename T>
const T& PickOf(Draws& draws, const std::vector<T>& from) {
  return from[draws.Below(from.size())];
}

// What images and queries are made of, so that they meet.
namespace pool {
const std::vector<std::string>& Words();
const std::vector<std::string>& Tags();
const std::vector<std::string>& Licenses();
const std::vector<std::string>& Formats();
const std::vector<std::string>& Datasets();
const std::vector<std::string>& Owners();
const std::vector<std::pair<std::string, std::string>>& Cameras();  // make, model
const std::vector<std::string>& Lenses();
const std::vector<std::pair<double, double>>& Places();  // latitude, longitude
const std::vector<uint32_t>& Colors();
const std::vector<int>& Sides();
// PDQ hashes: the second half are 30 bits from the first, all others far apart. Images flip at most
// kMostFlipped of their bits, so that near duplicates are exactly those of one root.
const std::vector<PdqWords>& Hashes();
inline constexpr int kMostFlipped = 7;
absl::Time Time(Draws& draws);
std::string Md5(Draws& draws);
std::string Text(Draws& draws, uint64_t most_words);
}  // namespace pool

// One step that an index and the naive one take alike.
struct Edit {
  std::vector<Image> changed;
  std::vector<std::string> deleted;
  std::vector<std::pair<std::string, uint32_t>> popularity;
  std::optional<std::unordered_set<std::string>> keep_only;
};
// For people: what an image has, a line.
std::string Describe(const Image& image);
std::string Describe(const Edit& edit);

class RandomCatalogue {
 public:
  // About as many images are there at once.
  RandomCatalogue(uint64_t seed, uint64_t images) : draws_(seed), images_(images) {}

  // New ones, changes, older and equal revisions, deletions, some of what was deleted before.
  Edit Next();
  // `n` images at once, all new.
  Edit Fill(uint64_t n);

  Draws& draws() { return draws_; }
  // Some id: mostly of one that is there, else of one that was or never will be.
  std::string SomeId(Draws& draws) const;

 private:
  Image New();
  // The next revision.
  Image Changed(Image image);

  Draws draws_;
  const uint64_t images_;
  uint64_t made_ = 0;
  std::vector<std::string> ids_;         // alive
  std::map<std::string, Image> newest_;  // of alive ones
  std::vector<Image> old_;               // revisions of the past, deleted ones too
};

}  // namespace stockroom::api
