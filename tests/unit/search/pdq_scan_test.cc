#include "services/api/search/similar/pdq_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace stockroom::api {
namespace {

using Hits = std::vector<std::pair<Doc, int>>;

class Hashes {
 public:
  // `from` words before the first, so that nothing is aligned.
  Hashes(uint32_t docs, size_t from, std::mt19937_64& dice) : from_(from) {
    for (auto& word : words_) {
      word.resize(from + docs);
      for (uint64_t& bits : word) bits = dice();
    }
  }
  PdqColumn column() const {
    PdqColumn column;
    for (size_t w = 0; w < 4; ++w) column.words[w] = words_[w].data() + from_;
    return column;
  }
  PdqWords At(Doc doc) const {
    return {words_[0][from_ + doc], words_[1][from_ + doc], words_[2][from_ + doc],
            words_[3][from_ + doc]};
  }
  void Set(Doc doc, const PdqWords& hash) {
    for (size_t w = 0; w < 4; ++w) words_[w][from_ + doc] = hash[w];
  }

 private:
  size_t from_;
  std::array<std::vector<uint64_t>, 4> words_;
};

Hits Naive(const Hashes& hashes, Doc begin, Doc end, const PdqWords& target, int radius) {
  Hits hits;
  for (Doc doc = begin; doc < end; ++doc) {
    const int distance = PdqDistance(hashes.At(doc), target);
    if (distance <= radius) hits.emplace_back(doc, distance);
  }
  return hits;
}

Hits Scan(const Hashes& hashes, Doc begin, Doc end, const PdqWords& target, int radius) {
  Hits hits;
  ScanPdq(hashes.column(), begin, end, target, radius,
          [&](Doc doc, int distance) { hits.emplace_back(doc, distance); });
  return hits;
}

class PdqScan : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!UsePdqKernel(GetParam())) GTEST_SKIP() << "this machine has no " << GetParam();
  }
  void TearDown() override {
    for (const char* kernel : {"avx512", "avx2", "portable"}) {
      if (UsePdqKernel(kernel)) return;
    }
  }
};

TEST_P(PdqScan, FindsWhatANaiveScanFindsAtEveryRadius) {
  std::mt19937_64 dice(1);
  Hashes hashes(300, 1, dice);
  const PdqWords target = hashes.At(17);
  // Some at every distance, with the difference anywhere or in the last words only: those are the
  // ones that the first words can not reject.
  for (Doc doc = 40; doc < 297; ++doc) {
    PdqWords hash = target;
    for (Doc bit = 0; bit < doc - 40; ++bit) {
      const Doc at = doc % 2 == 0 ? bit : 255 - bit;
      hash[at / 64] ^= uint64_t{1} << at % 64;
    }
    hashes.Set(doc, hash);
  }
  for (int radius = 0; radius <= 256; ++radius) {
    ASSERT_EQ(Scan(hashes, 0, 300, target, radius), Naive(hashes, 0, 300, target, radius))
        << radius;
  }
  EXPECT_EQ(Scan(hashes, 0, 300, target, 256).size(), 300u);
  EXPECT_EQ(Scan(hashes, 0, 300, target, -1), Hits());
}

TEST_P(PdqScan, FindsTheSameInEveryRange) {
  std::mt19937_64 dice(2);
  for (const size_t from : {0, 1, 3}) {
    Hashes hashes(131, from, dice);
    const PdqWords target = hashes.At(0);
    for (Doc doc = 0; doc < 131; doc += dice() % 3) {
      PdqWords hash = target;
      for (uint64_t flips = dice() % 40; flips > 0; --flips) {
        hash[dice() % 4] ^= uint64_t{1} << dice() % 64;
      }
      hashes.Set(doc++, hash);
    }
    for (Doc begin = 0; begin < 131; begin += 1 + dice() % 20) {
      for (Doc end = begin; end <= 131; end += 1 + dice() % 3) {
        ASSERT_EQ(Scan(hashes, begin, end, target, 31), Naive(hashes, begin, end, target, 31))
            << begin << " to " << end;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, PdqScan, ::testing::Values("avx512", "avx2", "portable"),
                         [](const auto& kernel) { return std::string(kernel.param); });

TEST(PdqKernels, AnUnknownOneIsRefused) { EXPECT_FALSE(UsePdqKernel("abacus")); }

}  // namespace
}  // namespace stockroom::api
