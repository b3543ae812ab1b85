// A synthetic catalogue for benchmarks and large tests: seeded, the same on every machine and in
// every order. docs/benchmarks.md ("scripts/bench search") describes and pins it: whoever changes
// what comes out of it changes every figure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "services/api/domain/image.h"

namespace stockroom::testing {

// Random numbers of which no standard library decides (the distributions of <random> differ).
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t n) { return Next() % n; }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }  // [0, 1)
  bool Chance(double p) { return Unit() < p; }

 private:
  uint64_t state_;
};

// Ranks of [0, size) with a probability proportional to 1 / (rank + flatness).
class Zipf {
 public:
  Zipf(size_t size, double flatness);
  size_t Draw(Draws& draws) const;
  size_t size() const { return sums_.size(); }

 private:
  std::vector<double> sums_;
};

// A search of two words that finds something, and a filter, in the languages of all who compete.
struct TwoWords {
  std::string query;      // docs/search.md; the words are the beginnings of words
  std::string fts5;       // MATCH of SQLite's FTS5
  std::string mariadb;    // AGAINST (… IN BOOLEAN MODE)
  std::string condition;  // SQL: columns license, format, width, height, created_us
};

// Image `i` is a function of the seed and i. Immutable, thread-safe.
class Catalogue {
 public:
  static constexpr uint64_t kSeed = 20261121;
  static constexpr size_t kWords = 50'000;
  static constexpr size_t kTags = 20'000;
  static constexpr size_t kTagsEach = 15;
  static constexpr size_t kOwners = 2'000;

  explicit Catalogue(uint64_t seed = kSeed);

  // Ids and creation times grow with `i`, 0 to about 2^40; a larger catalogue begins with the
  // smaller. `revision` 2 and up: the same image after somebody wrote it another title.
  api::Image At(uint64_t i, int64_t revision = 1) const;

  // Words by falling frequency, as titles and tags spell them; tags, too.
  const std::string& word(size_t rank) const { return words_[rank]; }
  const std::string& tag(size_t rank) const { return tags_[rank]; }

  // The n-th search in a catalogue of the first `images` images.
  TwoWords TwoWordsAndFilter(uint64_t n, uint64_t images) const;
  // "a OR b OR c OR d OR e", of frequent and rare words as titles have them.
  std::string AnyOfFiveWords(uint64_t n) const;
  // The first one to four letters of a word or tag.
  std::string Prefix(uint64_t n) const;

  // Where `i` has one, the 64 hexadecimal digits of its PDQ hash: one in eight is a near duplicate
  // (at most 5 bits from the same root) of up to 50 images before it.
  std::array<uint64_t, 4> PdqOf(uint64_t i) const;

 private:
  Draws DrawsFor(uint64_t i, uint64_t what) const;
  std::vector<std::string> TagsOf(uint64_t i) const;
  std::string TitleOf(uint64_t i, const std::vector<std::string>& tags, int64_t revision) const;
  void Analyse(uint64_t i, api::Image& image) const;

  const uint64_t seed_;
  const Zipf word_ranks_;
  const Zipf tag_ranks_;
  const Zipf owners_;
  const Zipf cameras_;
  const Zipf places_;
  std::vector<std::string> words_;
  std::vector<std::string> tags_;
};

}  // namespace stockroom::testing
