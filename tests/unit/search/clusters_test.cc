#include "services/api/search/similar/clusters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "services/api/search/similar/pdq_scan.h"

namespace stockroom::api {
namespace {

PdqWords Random(std::mt19937_64& dice) { return {dice(), dice(), dice(), dice()}; }

// Exactly `bits` others.
PdqWords Away(PdqWords hash, int bits, std::mt19937_64& dice) {
  for (std::set<uint64_t> done; bits > 0;) {
    const uint64_t bit = dice() % 256;
    if (!done.insert(bit).second) continue;
    hash[bit / 64] ^= uint64_t{1} << bit % 64;
    --bits;
  }
  return hash;
}

// Hashes of which many are near others, and none of the parts that they share is always the same.
std::vector<PdqWords> Catalogue(size_t size, std::mt19937_64& dice) {
  std::vector<PdqWords> hashes;
  while (hashes.size() < size) {
    if (!hashes.empty() && dice() % 2 == 0) {
      hashes.push_back(Away(hashes[dice() % hashes.size()], static_cast<int>(dice() % 20), dice));
    } else {
      hashes.push_back(Random(dice));
    }
  }
  return hashes;
}

// Does what the index around the clusters does: keeps columns and numbers.
class Keeper {
 public:
  struct Part {
    std::array<std::vector<uint64_t>, 4> words;
    std::vector<uint32_t> numbers;
    std::vector<bool> gone;
  };

  // Adds a segment. Its numbers.
  std::vector<uint32_t> Add(const std::vector<PdqWords>& hashes) {
    std::vector<Clusters::Fresh> fresh;
    for (const PdqWords& hash : hashes) fresh.push_back({hash});
    std::vector<std::function<bool(Doc)>> alone;
    for (const Part& part : parts_) {
      alone.push_back([&part](Doc doc) { return part.numbers[doc] == 0 && !part.gone[doc]; });
    }
    std::vector<Clusters::Column> columns;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto& words = parts_[i].words;
      columns.push_back({{{words[0].data(), words[1].data(), words[2].data(), words[3].data()}},
                         static_cast<uint32_t>(words[0].size()),
                         alone[i]});
    }
    std::vector<Clusters::Founder> founders;
    EXPECT_TRUE(clusters_.Add(fresh, columns, founders, [] { return false; }));
    for (const auto& [column, doc, cluster] : founders) {
      EXPECT_EQ(parts_[column].numbers[doc], 0u);
      EXPECT_FALSE(parts_[column].gone[doc]);
      parts_[column].numbers[doc] = cluster;
    }
    Part part;
    for (const Clusters::Fresh& one : fresh) {
      for (size_t w = 0; w < 4; ++w) part.words[w].push_back(one.hash[w]);
      part.numbers.push_back(one.cluster);
    }
    part.gone.resize(fresh.size());
    parts_.push_back(std::move(part));
    return parts_.back().numbers;
  }

  void Remove(size_t part, Doc doc) {
    clusters_.Remove(parts_[part].numbers[doc]);
    parts_[part].gone[doc] = true;
  }

  const std::vector<Part>& parts() const { return parts_; }
  Clusters& clusters() { return clusters_; }

 private:
  Clusters clusters_;
  std::vector<Part> parts_;
};

// The rule, without any cleverness.
class Naive {
 public:
  // Of each the founder's place, its own if it is alone or the first.
  size_t Add(const PdqWords& hash) {
    size_t best = hashes_.size();
    for (size_t i = 0; i < hashes_.size(); ++i) {
      if (founder_[i] != i || dead_[i]) continue;
      const int distance = PdqDistance(hashes_[i], hash);
      if (distance > kNearDuplicate) continue;
      if (best == hashes_.size() ||
          std::pair(distance, hashes_[i]) <
              std::pair(PdqDistance(hashes_[best], hash), hashes_[best])) {
        best = i;
      }
    }
    hashes_.push_back(hash);
    founder_.push_back(best);
    images_.push_back(0);
    dead_.push_back(false);
    ++images_[best];
    return best;
  }
  void Remove(size_t at) {
    if (--images_[founder_[at]] == 0) dead_[founder_[at]] = true;
    // Alone it is no founder any more.
  }
  const std::vector<size_t>& founders() const { return founder_; }
  int64_t images(size_t founder) const { return images_[founder]; }

 private:
  std::vector<PdqWords> hashes_;
  std::vector<size_t> founder_;
  std::vector<int64_t> images_;  // by founder
  std::vector<bool> dead_;
};

TEST(Clusters, AreThoseOfComparingAllWithAll) {
  std::mt19937_64 dice(1);
  for (int round = 0; round < 6; ++round) {
    Keeper keeper;
    Naive naive;
    std::vector<std::pair<size_t, Doc>> places;
    std::vector<bool> gone;
    const std::vector<PdqWords> hashes = Catalogue(600, dice);
    for (size_t at = 0; at < hashes.size();) {
      const size_t size =
          std::min<size_t>(hashes.size() - at, dice() % 3 == 0 ? 200 : 1 + dice() % 30);
      const std::vector<PdqWords> some(hashes.begin() + static_cast<ptrdiff_t>(at),
                                       hashes.begin() + static_cast<ptrdiff_t>(at + size));
      keeper.Add(some);
      for (size_t i = 0; i < size; ++i) {
        naive.Add(some[i]);
        places.emplace_back(keeper.parts().size() - 1, static_cast<Doc>(i));
        gone.push_back(false);
      }
      at += size;
      for (uint64_t n = dice() % 10; n > 0; --n) {
        const size_t which = dice() % at;
        if (gone[which]) continue;
        gone[which] = true;
        keeper.Remove(places[which].first, places[which].second);
        naive.Remove(which);
      }
    }
    // The same images have the same number, and those that are alone none.
    std::map<uint32_t, size_t> founder_of;
    std::set<size_t> founders;
    for (size_t i = 0; i < places.size(); ++i) {
      const auto [part, doc] = places[i];
      const uint32_t number = keeper.parts()[part].numbers[doc];
      const size_t founder = naive.founders()[i];
      const auto& all = naive.founders();
      const bool was_joined = std::count(all.begin(), all.end(), founder) > 1;
      ASSERT_EQ(number != 0, was_joined) << i;
      if (number == 0) continue;
      ASSERT_EQ(founder_of.emplace(number, founder).first->second, founder) << i;
      founders.insert(founder);
    }
    ASSERT_EQ(founder_of.size(), founders.size());
    ASSERT_GT(founders.size(), 50u);
    ASSERT_EQ(keeper.clusters().size(),
              static_cast<size_t>(std::count_if(founders.begin(), founders.end(), [&](size_t one) {
                return naive.images(one) > 0;
              })));
  }
}

TEST(Clusters, ReachExactlyAsFarAsTheySay) {
  std::mt19937_64 dice(2);
  for (int round = 0; round < 30; ++round) {
    for (const size_t others : {0, 40}) {
      Keeper keeper;
      const PdqWords first = Random(dice);
      const PdqWords near = Away(first, kNearDuplicate, dice);
      const PdqWords far = Away(first, kNearDuplicate + 1, dice);
      // In one segment or in several, few or many at once.
      std::vector<PdqWords> segment(others);
      std::generate(segment.begin(), segment.end(), [&] { return Random(dice); });
      segment.insert(segment.begin(), first);
      EXPECT_EQ(keeper.Add(segment)[0], 0u);
      segment[0] = far;
      EXPECT_EQ(keeper.Add(segment)[0], 0u);
      std::generate(segment.begin(), segment.end(), [&] { return Random(dice); });
      segment[0] = near;
      EXPECT_EQ(keeper.Add(segment)[0], keeper.parts()[0].numbers[0]);
      EXPECT_NE(keeper.parts()[0].numbers[0], 0u);
    }
  }
}

TEST(Clusters, FindPairsThatShareOnlyOnePart) {
  std::mt19937_64 dice(7);
  for (int shared = 0; shared < 16; ++shared) {
    // In the low bits of all others: those are what few hashes are put into buckets by.
    const PdqWords first = Random(dice);
    PdqWords near = first;
    for (int part = 0; part < 16; ++part) {
      if (part != shared) near[part / 4] ^= uint64_t{1} << (part % 4 * 16 + dice() % 8);
    }
    ASSERT_EQ(PdqDistance(first, near), kNearDuplicate);
    std::vector<PdqWords> others(40);
    std::generate(others.begin(), others.end(), [&] { return Random(dice); });
    others[0] = first;
    // One after the other, and both at once.
    Keeper keeper;
    keeper.Add(others);
    others[0] = Random(dice);
    others.push_back(near);
    EXPECT_NE(keeper.Add(others).back(), 0u) << shared;
    others[0] = first;
    EXPECT_NE(Keeper().Add(others).back(), 0u) << shared;
  }
}

TEST(Clusters, AChainDoesNotGrowWithoutEnd) {
  std::mt19937_64 dice(3);
  PdqWords hash = Random(dice);
  std::vector<PdqWords> chain;
  for (int bit = 0; bit + 10 <= 250; bit += 10) {
    for (int b = bit; b < bit + 10; ++b) hash[b / 64] ^= uint64_t{1} << b % 64;
    chain.push_back(hash);
  }
  Keeper keeper;
  const std::vector<uint32_t> numbers = keeper.Add(chain);
  for (size_t i = 0; i < chain.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (numbers[i] == 0 || numbers[i] != numbers[j]) continue;
      EXPECT_LE(PdqDistance(chain[i], chain[j]), 2 * kNearDuplicate);
    }
  }
  EXPECT_GT(std::set<uint32_t>(numbers.begin(), numbers.end()).size(), 8u);
}

TEST(Clusters, AClusterOutlivesItsFounderAndEndsWithItsLastImage) {
  std::mt19937_64 dice(4);
  Keeper keeper;
  const PdqWords founder = Random(dice);
  const uint32_t number = keeper.Add({founder, Away(founder, 9, dice)})[1];
  keeper.Remove(0, 0);
  EXPECT_EQ(keeper.Add({Away(founder, 15, dice)})[0], number);
  keeper.Remove(0, 1);
  keeper.Remove(1, 0);
  EXPECT_EQ(keeper.clusters().size(), 0u);
  // Its number is not given again.
  EXPECT_EQ(keeper.Add({founder})[0], 0u);
  EXPECT_GT(keeper.Add({founder})[0], number);
}

TEST(Clusters, UnknownNumbersAreIgnored) {
  Clusters clusters;
  clusters.Remove(0);
  clusters.Remove(7);
  EXPECT_EQ(clusters.size(), 0u);
}

TEST(Clusters, StopWhenTheyAreTold) {
  std::mt19937_64 dice(5);
  Clusters clusters;
  std::vector<Clusters::Fresh> fresh(50, {Random(dice)});
  std::vector<Clusters::Founder> founders;
  EXPECT_FALSE(clusters.Add(fresh, {}, founders, [] { return true; }));
  EXPECT_EQ(fresh[1].cluster, 0u);
  EXPECT_TRUE(clusters.Add(fresh, {}, founders, [] { return false; }));
  EXPECT_EQ(fresh[1].cluster, fresh[0].cluster);
  EXPECT_NE(fresh[1].cluster, 0u);
}

// Where half of the parts are the same everywhere, comparing by parts is comparing all with all.
TEST(Clusters, AreExactWherePartsAreTheSame) {
  std::mt19937_64 dice(6);
  Keeper keeper;
  Naive naive;
  std::vector<PdqWords> hashes;
  for (int i = 0; i < 1500; ++i) {
    PdqWords hash = {1, 2, dice(), dice()};
    if (i % 3 == 2) hash = Away(hashes[dice() % hashes.size()], 6, dice);
    hashes.push_back(hash);
  }
  std::map<uint32_t, size_t> founder_of;
  for (size_t at = 0; at < hashes.size(); at += 500) {
    const auto begin = hashes.begin() + static_cast<ptrdiff_t>(at);
    const std::vector<PdqWords> some(begin, begin + 500);
    const std::vector<uint32_t> numbers = keeper.Add(some);
    for (size_t i = 0; i < some.size(); ++i) {
      const size_t founder = naive.Add(some[i]);
      if (founder == at + i) continue;
      ASSERT_NE(numbers[i], 0u);
      ASSERT_EQ(founder_of.emplace(numbers[i], founder).first->second, founder);
    }
  }
  EXPECT_GT(founder_of.size(), 200u);
}

}  // namespace
}  // namespace stockroom::api
